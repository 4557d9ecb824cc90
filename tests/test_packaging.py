"""What is installed: metadata, files, entry point; and what importing it does and does not do."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import transjet
from transjet.backend.ffi import core_status

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
try:
    INSTALLED: metadata.Distribution | None = metadata.distribution("transjet")
except metadata.PackageNotFoundError:
    INSTALLED = None


@pytest.fixture
def installed() -> metadata.Distribution:
    if INSTALLED is None:
        pytest.skip("transjet is imported from a checkout, not installed")
    return INSTALLED


def run(code: str) -> list[str]:
    """Run code in a fresh interpreter where any warning is an error; its lines of output."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_one_version_everywhere(installed: metadata.Distribution) -> None:
    assert installed.version == PROJECT["version"]
    assert transjet.__version__ == PROJECT["version"]


def test_core_and_package_have_the_same_version() -> None:
    status = core_status()
    if not status.available:
        pytest.skip(status.reason)
    assert status.build["version"] == PROJECT["version"]


def test_extras_are_those_of_the_project(installed: metadata.Distribution) -> None:
    assert set(installed.metadata.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])
    assert set(PROJECT["optional-dependencies"]) == {"all", "data", "test", "bench", "rivals", "gpu"}


def test_core_dependencies_stay_light() -> None:
    names = {re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in PROJECT["dependencies"]}
    assert names == {"jax", "jaxtyping", "numpy", "optax"}


def test_build_headers_are_those_of_the_oldest_supported_jax() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    pins = dict(item.split("==") for item in tomllib.loads(text)["build-system"]["requires"] if "==" in item)
    floor = next(r for r in PROJECT["dependencies"] if r.startswith("jax>"))
    oldest = re.search(r">=(\d+\.\d+)", floor)
    assert oldest is not None
    assert pins == {"jax": f"{oldest[1]}.0", "jaxlib": f"{oldest[1]}.0"}


def test_typing_marker_and_one_compiled_core_are_installed(installed: metadata.Distribution) -> None:
    files = [str(file) for file in installed.files or []]
    assert "transjet/py.typed" in files
    assert len([file for file in files if re.fullmatch(r"transjet/_core\.[^/]*\.so", file)]) == 1
    assert not [file for file in files if file.startswith(("tests/", "csrc/", "bench/", "python/"))]


def test_kernels_for_triton_and_measured_rates_are_installed(installed: metadata.Distribution) -> None:
    files = {str(file) for file in installed.files or []}
    kernels = {f"transjet_kernels/{path.name}" for path in (ROOT / "kernels" / "transjet_kernels").glob("*.py")}
    assert kernels | {"transjet/backend/rates.json"} <= files


def test_command_line_entry_point_exists(installed: metadata.Distribution) -> None:
    (entry,) = installed.entry_points.select(group="console_scripts", name="transjet")
    assert callable(entry.load())


def test_import_touches_no_device_and_loads_no_optional_library() -> None:
    lines = run("""
        import sys
        import transjet, transjet.ops
        from jax._src import xla_bridge
        print(xla_bridge.backends_are_initialized())
        print({"diffrax", "ott", "matplotlib", "rich", "triton"} & set(sys.modules))
    """)
    assert lines == ["False", "set()"]


def test_import_leaves_the_settings_of_jax_alone() -> None:
    lines = run("""
        import jax
        before = dict(jax.config.values)
        import transjet, transjet.ops
        print(dict(jax.config.values) == before)
    """)
    assert lines == ["True"]
