from __future__ import annotations

import numpy as np
import pytest

from transjet.errors import ConfigError, DTypeError, ShapeError, TargetError
from transjet.metrics import mmd_squared

D, H, M, REPEATS = 3, 2.0, 201, 300


def exact(shift: float) -> float:
    """Squared MMD of N(0, I) and N(s, I), from E k = (h^2 / (h^2 + 2))^(d/2) exp(-|s|^2 / (2 (h^2 + 2)))."""
    spread = H**2 + 2
    return 2 * (H**2 / spread) ** (D / 2) * (1 - np.exp(-(shift**2) * D / (2 * spread)))


def run(seed: int, shift: float) -> tuple[float, float]:
    rng = np.random.default_rng([2, seed])
    return mmd_squared(rng.normal(size=(M, D)), shift + rng.normal(size=(M, D)), bandwidth=H)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.3, 1.0])
def test_is_unbiased_and_its_error_is_calibrated(shift):
    values, errors = np.array([run(i, shift) for i in range(REPEATS)]).T
    assert abs(values.mean() - exact(shift)) < 4 * values.std() / np.sqrt(REPEATS)
    # Clipping zeta_1 at zero makes the error up to a third too large where the distributions agree.
    assert 0.88 < errors.mean() / values.std() < (1.12 if shift > 0 else 1.4)


def test_blocks_do_not_change_the_sum():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1031, 2)), rng.normal(0.2, size=(1500, 2))
    z = [np.concatenate([x, y[:1031]])[:, None], np.concatenate([x, y[:1031]])[None]]
    kernel = np.exp(-((z[0] - z[1]) ** 2).sum(axis=-1) / 2)
    xx, yy, xy = kernel[:1031, :1031], kernel[1031:, 1031:], kernel[:1031, 1031:]
    h = xx + yy - xy - xy.T
    np.fill_diagonal(h, 0.0)
    assert mmd_squared(x, y, bandwidth=1.0).value == pytest.approx(h.sum() / (1031 * 1030), rel=1e-10)


def test_default_bandwidth_is_the_median_distance():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 2)), rng.normal(1.0, size=(45, 2))
    pooled = np.concatenate([x, y[:40]])
    distances = np.linalg.norm(pooled[:, None] - pooled, axis=-1)[np.triu_indices(80, 1)]
    expected = mmd_squared(x, y, bandwidth=np.median(distances))
    np.testing.assert_allclose(mmd_squared(x, y), expected, rtol=1e-3)


def test_sees_a_missed_mode_through_the_default_bandwidth():
    rng = np.random.default_rng(2)
    signs = rng.choice([-1.0, 1.0], size=(1500, 1))
    y = 4 * signs + rng.normal(size=(1500, 1))
    result = mmd_squared(4 + rng.normal(size=(1500, 1)), y)
    assert result.value > 10 * result.std_error


def test_max_points_takes_the_first_ones():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(90, 2)), rng.normal(size=(80, 2))
    limited = mmd_squared(x, y, bandwidth=1.0, max_points=33)
    assert limited == mmd_squared(x[:33], y[:33], bandwidth=1.0)
    assert mmd_squared(x, y, bandwidth=1.0, max_points=None) == mmd_squared(x[:80], y, bandwidth=1.0)


X = np.random.default_rng(0).normal(size=(6, 2))


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: mmd_squared(X, X[:, :1]), ShapeError, "same dimension"),
        (lambda: mmd_squared(X[:3], X), ShapeError, "at least 4 points"),
        (lambda: mmd_squared(X, X, max_points=3), ShapeError, "at least 4 points"),
        (lambda: mmd_squared(X, X, max_points=0), ConfigError, "max_points"),
        (lambda: mmd_squared(X, X, bandwidth=0.0), ConfigError, "bandwidth"),
        (lambda: mmd_squared(X, X, bandwidth="1"), ConfigError, "bandwidth"),
        (lambda: mmd_squared(X * 0, X * 0), TargetError, "pass bandwidth"),
        (lambda: mmd_squared(X, X + np.inf), TargetError, "y has NaN or infinity"),
        (lambda: mmd_squared(X, None), DTypeError, "y must hold real numbers"),
    ],
)
def test_malformed_calls(call, error, words):
    with pytest.raises(error, match=words):
        call()
