"""`transjet run file.py:function` or `module:function`: one's own density, and every way in which it can be wrong."""

from __future__ import annotations

import argparse
import hashlib
import sys

import jax
import numpy as np
import pytest

from transjet.cli.density import TargetSpec, add_options, spec_of
from transjet.errors import ConfigError, TargetError
from transjet.io import RunFolder
from transjet.targets import get

GAUSSIAN = """
import jax.numpy as jnp
from constants import MEAN

def log_density(x):
    return -0.5 * jnp.sum((x - MEAN) ** 2)

def halved(x):
    return 0.5 * log_density(x)

NUMBER = 3.0
"""

# The double well without what is known about it: other tests have compiled its programs.
WELL = "from transjet import get\n\nlog_density = get('double-well').log_density\n"
BOX = get("double-well").box
OPTIONS = ["--dim", 1, "--box", f"{BOX[0][0]},{BOX[1][0]}", "--prior-std", get("double-well").prior_std]


@pytest.fixture
def file(tmp_path):
    """A file with a density that imports its neighbour."""
    (tmp_path / "constants.py").write_text("MEAN = 0.5\n")
    path = tmp_path / "gaussian.py"
    path.write_text(GAUSSIAN)
    return path


def test_a_function_in_a_file_is_trained_sampled_and_evaluated(transjet, tiny, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file.write_text(WELL)
    words = ["--out", "run", "--no-pictures", "--quiet", *tiny]
    assert transjet("run", "gaussian.py:log_density", *OPTIONS, *words).code == 0
    run = RunFolder(tmp_path / "run")
    x, log_weights, log_q = run.read_samples()
    log_rho = jax.vmap(get("double-well").log_density)(x)
    np.testing.assert_allclose(log_weights + log_q, log_rho, rtol=1e-4, atol=1e-4)
    figures = run.read_metrics()
    assert figures["target"] == f"{file}:log_density"
    assert figures["log_z_error"] is None and figures["mode_weights"] is None
    monkeypatch.chdir("/")
    assert transjet("sample", run.path, "-n", 256).code == 0
    assert transjet("eval", run.path, "-n", 256).code == 0
    assert transjet("run", file, *OPTIONS, "--resume", "--out", run.path, "--no-pictures").code == 0
    assert str(file.parent) not in sys.path


def test_options_of_a_function_reach_its_target(file):
    spec = spec_for(file, dim=2, box=(-3.0, 4.0), prior_std=1.5, function="halved")
    target = spec.load()
    assert (target.name, target.dim, target.prior_std) == ("gaussian.py:halved", 2, 1.5)
    np.testing.assert_array_equal(target.box, [[-3.0, -3.0], [4.0, 4.0]])
    assert float(target.log_density(np.array([0.5, 2.5], np.float32))) == -1.0
    assert TargetSpec.from_dict(spec.to_dict()) == spec
    assert spec_for(file, dim=2).load().prior_std == 1.0


def spec_for(file, function="log_density", **options):
    return TargetSpec(f"{file}:{function}", sha256=hashlib.sha256(file.read_bytes()).hexdigest(), **options)


def test_a_changed_file_is_another_density(transjet, tiny, file, tmp_path):
    file.write_text(WELL)
    words = ["--out", tmp_path / "run", "--quiet", "--no-pictures"]
    assert transjet("run", file, *OPTIONS, *words, *tiny, "--iterations", 1).code == 0
    file.write_text(GAUSSIAN)
    for command in (["sample", tmp_path / "run"], ["eval", tmp_path / "run"], ["run", "--resume", *words]):
        outcome = transjet(*command)
        assert outcome.code == 2 and "expected the file that the run began with; it has changed" in outcome.err
    outcome = transjet("run", file, *OPTIONS, "--resume", *words)
    assert outcome.code == 2 and "expected the target that the run began with" in outcome.err


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return jnp.sum(x) * jnp.nan", "log_density is NaN at 384 of 384 points"),
        ("return -x ** 2", "must map a point (1,) to a scalar, got shape (1,)"),
        ("return 1.0", "must return a JAX array that depends on x, got a float"),
        ("return float(x[0])", "turns the point into a Python number"),
        ("return jnp.sum(x[:, 0])", "log_density failed on a float32 point of shape (1,)"),
        ("return jnp.sum(x).astype(jnp.float16)", "must return float32 or float64, got float16"),
        ("return -jnp.inf * jnp.sum(x ** 2)", "log_density is -inf at all 384 points"),
        ("return jnp.sum(", "running it failed: SyntaxError"),
    ],
)
def test_a_density_that_does_not_behave_is_refused_before_training(transjet, tmp_path, body, message):
    path = tmp_path / "density.py"
    path.write_text(f"import jax.numpy as jnp\n\ndef log_density(x):\n    {body}\n")
    outcome = transjet("run", path, "--dim", 1, "--box", "-4,4", "--out", tmp_path / "run")
    assert outcome.code == 2 and outcome.err.startswith("error: ") and message in outcome.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected the number of coordinates; give it by --dim"),
        (["--dim", "0"], "dim must be a positive integer"),
        (["--dim", "1", "--box", "4"], "--box: expected two numbers such as -4,4; got '4'"),
        (["--dim", "1", "--box", "1,2,3"], "--box: expected two numbers"),
        (["--dim", "1", "--box", "4,-4"], "box must have lower < upper"),
        (["--dim", "1", "--prior-std", "0"], "prior_std must be positive"),
    ],
)
def test_bad_options_of_a_function(transjet, file, tmp_path, words, message):
    outcome = transjet("run", file, *words, "--out", tmp_path / "run")
    assert outcome.code == 2 and message in outcome.err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.py:f", "absent.py: expected a readable Python file, got 'No such file or directory'"),
        ("gaussian.py:f", "expected a function f; it has none"),
        ("gaussian.py:NUMBER", "expected a function NUMBER; it has none"),
    ],
)
def test_a_function_that_is_not_there(transjet, file, name, message):
    outcome = transjet("run", file.parent / name, "--dim", 1, "--out", file.parent / "run")
    assert outcome.code == 2 and message in outcome.err


def test_without_a_box_uniform_points_get_one_from_a_pilot_run(transjet, file, tmp_path):
    words = ["--dim", 1, "--set", "plan.0.collocation=uniform", "--iterations", 2, "--out", tmp_path / "run"]
    words += ["--set", "verdict=false"]
    outcome = transjet("run", file, *words)
    assert outcome.code == 0 and "a pilot run found [" in outcome.err
    assert RunFolder(tmp_path / "run").read_metrics()["pilot_evaluations"] > 10_000


def test_an_error_inside_the_file_is_told(file):
    file.write_text("raise ValueError('no data here')\n")
    with pytest.raises(TargetError, match="running it failed: ValueError: no data here"):
        spec_for(file, dim=1).load()
    with pytest.raises(ConfigError, match="--dim"):
        spec_for(file).load()


def test_a_function_in_a_module_is_imported(tmp_path, monkeypatch):
    package = tmp_path / "own_densities"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "gaussians.py").write_text(GAUSSIAN.replace("from constants", "from .constants"))
    (package / "constants.py").write_text("MEAN = 0.5\n")
    monkeypatch.chdir(tmp_path)
    spec = spec_of(parsed("own_densities.gaussians:halved", "--dim", "7"))
    assert spec.folder == str(tmp_path) and TargetSpec.from_dict(spec.to_dict()) == spec
    monkeypatch.chdir("/")
    target = spec.load()
    assert (target.name, target.dim) == ("own_densities.gaussians:halved", 7)
    assert float(target.log_density(np.full(7, 2.5, np.float32))) == -7.0
    assert str(tmp_path) not in sys.path
    (package / "gaussians.py").write_text(GAUSSIAN)
    with pytest.raises(TargetError, match="it has changed"):
        spec.load()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["absent_module:f", "--dim", "1"], "absent_module: importing it failed: ModuleNotFoundError"),
        (["json:absent", "--dim", "1"], "json: expected a function absent; it has none"),
        (["json:loads"], "expected the number of coordinates; give it by --dim"),
    ],
)
def test_a_module_that_does_not_fit(words, message):
    with pytest.raises((TargetError, ConfigError), match=message):
        spec_of(parsed(*words)).load()


def parsed(*words):
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args(words)
