from __future__ import annotations

import sys
import warnings

import jax
import numpy as np
import pytest

from transjet.errors import ConfigError, DTypeError, ShapeError, TargetError
from transjet.metrics import sinkhorn, sinkhorn_divergence

N, D = 128, 2


def gauss(seed: int, n: int = N, shift: float = 0.0) -> np.ndarray:
    return shift + np.random.default_rng([4, seed]).normal(size=(n, D))


def test_import_leaves_the_callers_warning_filters_alone():
    before = list(warnings.filters)
    sinkhorn._import_ott()
    assert warnings.filters == before


def test_a_shift_costs_its_square():
    # S of a law and its translate is |shift|^2, whatever epsilon: here the two are one set, shifted.
    x = gauss(0)
    result = sinkhorn_divergence(x + 3.0, x)
    assert result.value == pytest.approx(9.0 * D, rel=1e-3)
    assert result.std_error < 0.01


def test_equal_sets_have_no_divergence():
    x = gauss(1)
    assert abs(sinkhorn_divergence(x, x).value) < 1e-4


def test_scales_with_the_square_of_the_unit():
    one = sinkhorn_divergence(gauss(2, shift=1.0), gauss(3))
    ten = sinkhorn_divergence(10 * gauss(2, shift=1.0), 10 * gauss(3))
    np.testing.assert_allclose(ten, 100 * np.array(one), rtol=1e-3)


def test_agrees_with_a_direct_float64_solution():
    x, y, epsilon = gauss(4, 64, 0.5), gauss(5, 64), 0.4
    batches = [
        _cost(a, b, epsilon) - (_cost(a, a, epsilon) + _cost(b, b, epsilon)) / 2
        for a, b in ((x[:32], y[:32]), (x[32:], y[32:]))
    ]
    result = sinkhorn_divergence(x, y, epsilon=epsilon, batch_size=32)
    assert result.value == pytest.approx(np.mean(batches), abs=5e-3)
    assert result.std_error == pytest.approx(abs(batches[0] - batches[1]) / 2, abs=5e-3)


def _cost(a: np.ndarray, b: np.ndarray, epsilon: float) -> float:
    """Dual value of the entropic transport cost between uniform sets, by 2,000 plain Sinkhorn steps."""
    cost = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    f, g = np.zeros(len(a)), np.zeros(len(b))
    for _ in range(2000):
        f = -epsilon * np.log(np.exp((g[None] - cost) / epsilon).mean(axis=1))
        g = -epsilon * np.log(np.exp((f[:, None] - cost) / epsilon).mean(axis=0))
    return float(f.mean() + g.mean())


def test_standard_error_matches_the_scatter():
    runs = np.array([sinkhorn_divergence(gauss(2 * i, shift=1.0), gauss(2 * i + 1)) for i in range(60)])
    # The error of 4 batches is 0.92 of the scatter on average, and itself scatters by 40 %.
    assert 0.7 < runs[:, 1].mean() / runs[:, 0].std() < 1.2


def test_works_whatever_the_callers_strictness():
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"), jax.enable_x64(True):
        assert sinkhorn_divergence(gauss(0, 32), gauss(1, 32)).value > 0


def test_missing_ott_names_the_extra(monkeypatch):
    sinkhorn._solver.cache_clear()
    monkeypatch.setitem(sys.modules, "ott.geometry.pointcloud", None)
    with pytest.raises(ConfigError, match=r"pip install 'transjet\[all\]'"):
        sinkhorn_divergence(gauss(0), gauss(1))


def test_failure_to_converge_is_reported():
    with pytest.raises(ConfigError, match="did not converge in 10 .* raise epsilon or max_iterations"):
        sinkhorn_divergence(gauss(0), gauss(1), epsilon=1e-3, max_iterations=10)


def test_failure_to_converge_can_be_nan():
    x = gauss(0)
    x[0] = 1e8
    assert np.isnan(sinkhorn_divergence(x, gauss(1), max_iterations=10, unconverged="nan")).all()


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: sinkhorn_divergence(gauss(0), np.zeros((N, 3))), ShapeError, "same dimension"),
        (lambda: sinkhorn_divergence(gauss(0, 31), gauss(1)), ShapeError, "at least 8 points"),
        (lambda: sinkhorn_divergence(gauss(0), gauss(1), batch_size=65), ShapeError, "two batches"),
        (lambda: sinkhorn_divergence(gauss(0), gauss(1), batch_size=7), ShapeError, "batch size of 7"),
        (lambda: sinkhorn_divergence(gauss(0), gauss(1), batch_size=8.0), ConfigError, "batch_size"),
        (lambda: sinkhorn_divergence(gauss(0), gauss(1), epsilon=0.0), ConfigError, "epsilon"),
        (lambda: sinkhorn_divergence(gauss(0), gauss(1), epsilon=np.nan), ConfigError, "epsilon"),
        (lambda: sinkhorn_divergence(gauss(0), gauss(1), max_iterations=0), ConfigError, "max_iterations"),
        (lambda: sinkhorn_divergence(gauss(0), gauss(1), unconverged=None), ConfigError, "unconverged"),
        (lambda: sinkhorn_divergence(gauss(0), np.zeros((N, D))), TargetError, "no scale"),
        (lambda: sinkhorn_divergence(gauss(0) * np.nan, gauss(1)), TargetError, "x has NaN"),
        (lambda: sinkhorn_divergence(gauss(0), "y"), DTypeError, "y must hold"),
    ],
)
def test_malformed_calls(call, error, words):
    with pytest.raises(error, match=words):
        call()
