"""Gaussian points that follow the scale of the flow."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from transjet.collocation import GaussianTube
from transjet.errors import ConfigError, ShapeError

N = 4096


@pytest.mark.parametrize(("geometric", "middle"), [(True, 2.0), (False, np.sqrt(8.5))])
def test_points_are_gaussian_around_the_interpolation(geometric: bool, middle: float) -> None:
    tube = GaussianTube(2, 1.0, 4.0, (3.0, -1.0), geometric=geometric, widen=1.5)
    np.testing.assert_allclose(tube.std(jnp.array([0.0, 0.5, 1.0])), 1.5 * np.array([1, middle, 4]), rtol=1e-6)
    x, t = tube.draw(jax.random.key(0), (), N, jnp.float32(0), jnp.float32)
    assert stats.kstest(np.asarray(t, np.float64), stats.uniform().cdf).pvalue > 1e-3
    normal = (np.asarray(x) - np.asarray(t)[:, None] * [3.0, -1.0]) / np.asarray(tube.std(t))[:, None]
    for values in normal.T:
        assert stats.kstest(values, stats.norm().cdf).pvalue > 1e-3
    assert abs(np.corrcoef(np.asarray(t), np.abs(normal[:, 0]))[0, 1]) < 4 / np.sqrt(N)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"dim": 0}, ConfigError),
        ({"start": 0.0}, ConfigError),
        ({"end": float("inf")}, ConfigError),
        ({"widen": -1.0}, ConfigError),
        ({"centre": (1.0,)}, ShapeError),
        ({"centre": (1.0, float("nan"))}, ConfigError),
    ],
)
def test_impossible_tubes_are_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match="tube: "):
        GaussianTube(**({"dim": 2} | options))
