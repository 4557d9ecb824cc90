"""Curricula of times."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from transjet.collocation import GaussianCloud, Times, UniformBox
from transjet.errors import ConfigError

N = 4096


def draw(times: Times, progress: float) -> np.ndarray:
    return np.asarray(times.draw(jax.random.key(1), N, jnp.float32(progress), jnp.float32), np.float64)


@pytest.mark.parametrize(("progress", "end"), [(0.0, 0.2), (0.25, 0.6), (0.5, 1.0), (1.0, 1.0)])
def test_the_range_grows_to_the_whole(progress: float, end: float) -> None:
    t = draw(Times(0.2, 0.5), progress)
    assert stats.kstest(t, stats.uniform(0, end).cdf).pvalue > 1e-3


@pytest.mark.parametrize("power", [-0.5, 1.0, 3.0])
def test_the_density_is_a_power(power: float) -> None:
    t = draw(Times(power=power), 0.0)
    assert stats.kstest(t, lambda a: a ** (1 + power)).pvalue > 1e-3


@pytest.mark.parametrize("make", [lambda t: UniformBox((0.0,), (1.0,), t), lambda t: GaussianCloud(2, 1.0, t)])
def test_distributions_take_their_times_from_it(make: object) -> None:
    points = make(Times(0.1)).draw(jax.random.key(0), (), 256, jnp.float32(0), jnp.float32)  # type: ignore[operator]
    assert 0.09 < float(points.t.max()) <= 0.1


@pytest.mark.parametrize("options", [{"start": 0.0}, {"start": 1.5}, {"settled": 0.0}, {"power": -1.0}])
def test_impossible_curricula_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="times: "):
        Times(**options)
