"""The examples do what they say."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def _load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_run_here():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {"heat_equation", "quickstart"}


def test_heat_equation():
    assert _load("heat_equation").main() < 1e-3


@pytest.mark.slow
def test_quickstart():
    summary = _load("quickstart").main(iterations=40)
    # The density factorises: Z is the square of a one-dimensional integral.
    assert summary.ess.value > 0.3
    assert abs(summary.log_z.value - _log_z()) < 5 * summary.log_z.std_error


def _log_z():
    import numpy as np

    x = np.linspace(-6, 6, 20_001)
    return 2 * np.log(np.trapezoid(np.exp(-((x**2 - 4) ** 2) / 2), x))
