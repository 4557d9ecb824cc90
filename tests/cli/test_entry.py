"""The command line as a whole: words that are no command, versions, tracebacks, start-up."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import transjet as package
from transjet.cli import main

ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def test_version_and_help(capsys):
    for word in ("--version", "--help"):
        with pytest.raises(SystemExit) as exit_:
            main([word])
        assert exit_.value.code == 0
    out = capsys.readouterr().out
    assert f"transjet {package.__version__}\n" in out
    for command in ("run", "sample", "eval", "targets", "info", "tune"):
        assert f"    {command} " in out


@pytest.mark.parametrize("command", ["run", "sample", "eval", "targets", "info", "tune"])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0 and capsys.readouterr().out.startswith(f"usage: transjet {command} [-h]")


@pytest.mark.parametrize("words", [[], ["train"], ["run", "double-well"], ["run", "--out", "x", "--speed", "3"]])
def test_words_that_are_no_command_show_the_usage(words, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(words)
    assert exit_.value.code == 2 and "usage: transjet" in capsys.readouterr().err


def test_a_traceback_is_shown_on_demand_alone(transjet, tmp_path):
    words = ["sample", tmp_path / "nothing"]
    assert "Traceback" not in transjet(*words).err
    outcome = transjet(*words, "--debug")
    assert outcome.code == 2 and "Traceback" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("error: ")


def test_control_c_anywhere_else_is_no_traceback(transjet, monkeypatch):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("transjet.cli.targets.facts", interrupted)
    assert transjet("targets") == (130, "", "interrupted\n")


def test_bugs_are_not_hidden(transjet, monkeypatch):
    monkeypatch.setattr("transjet.cli.targets.names", lambda: [1 / 0])
    with pytest.raises(ZeroDivisionError):
        transjet("targets")


def test_python_dash_m():
    command = [sys.executable, "-W", "error", "-m", "transjet"]
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, env=ENVIRONMENT)
    assert (version.returncode, version.stdout) == (0, f"transjet {package.__version__}\n")
    unknown = subprocess.run([*command, "sample", "absent"], capture_output=True, text=True, env=ENVIRONMENT)
    assert unknown.returncode == 2 and unknown.stderr.startswith("error: absent/config.toml")


def test_the_import_is_light():
    code = """
import sys
import transjet.cli
from jax._src import xla_bridge
print(xla_bridge.backends_are_initialized(), {"diffrax", "ott", "matplotlib", "rich", "triton"} & set(sys.modules))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=True)
    assert result.stdout == "False set()\n"
