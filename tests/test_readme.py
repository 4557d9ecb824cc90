"""The README's quickstart runs as printed and is as short as it claims; its tables name what exists."""

import re
from pathlib import Path

import pytest

from transjet import targets
from transjet.backend import BACKENDS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def _quickstart():
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    return block


def test_quickstart_is_short():
    lines = [line for line in _quickstart().splitlines() if line.strip()]
    assert len(lines) <= 12


@pytest.mark.slow
def test_quickstart_runs(capsys):
    exec(compile(_quickstart(), "README.md", "exec"), {})
    assert "log z" in capsys.readouterr().out


def test_tables_name_every_target_and_backend():
    for name in (*targets.names(), *BACKENDS):
        assert f"| `{name}`" in README or f"`, `{name}`" in README, name


def test_every_linked_file_exists():
    root = Path(__file__).parent.parent
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("http") or (root / link).exists(), link


def test_the_test_command_is_what_ci_runs():
    (command,) = re.findall(r"pip install '\.\[test\]' && (.*)", README)
    assert command in (Path(__file__).parent.parent / ".ci" / "run").read_text(encoding="utf-8")
