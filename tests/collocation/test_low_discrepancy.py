"""Sobol points in a box."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import qmc

from transjet.collocation import SobolBox, Times, UniformBox
from transjet.errors import ConfigError

BOX = SobolBox((-2.0, 1.0), (3.0, 1.5))


def unit(box: SobolBox, n: int, seed: int = 0) -> np.ndarray:
    x, t = jax.jit(lambda k: box.draw(k, (), n, jnp.float32(0.5), jnp.float32))(jax.random.key(seed))
    lower, upper = np.array(box.lower), np.array(box.upper)
    return np.column_stack([(np.asarray(x) - lower) / (upper - lower), np.asarray(t)]).astype(np.float64)


@pytest.mark.parametrize("seed", [0, 1])
def test_every_elementary_interval_holds_its_one_point(seed: int) -> None:
    u = unit(BOX, 256, seed)
    for column in u.T:  # one point in every 256th
        assert np.unique(np.floor(column * 256)).size == 256
    cells = np.floor(u[:, [0, 2]] * 16) @ [16, 1]  # x_0 and t together: one point in each of 16 x 16 cells
    counts = np.bincount(cells.astype(int), minlength=256)
    assert counts.max() <= 2
    assert qmc.discrepancy(np.clip(u, 0, 1)) < 0.1 * qmc.discrepancy(np.random.default_rng(seed).uniform(size=(256, 3)))


def test_draws_differ_and_each_point_is_uniform() -> None:
    keys = jax.vmap(jax.random.key)(jnp.arange(300))
    x, t = jax.jit(jax.vmap(lambda k: BOX.draw(k, (), 1, jnp.float32(0.5), jnp.float32)))(keys)
    lower, upper = np.array(BOX.lower), np.array(BOX.upper)
    firsts = np.column_stack([(np.asarray(x)[:, 0] - lower) / (upper - lower), np.asarray(t)[:, 0]])
    assert np.unique(firsts[:, 0]).size == 300
    assert np.all(np.abs(firsts.mean(axis=0) - 0.5) < 4 * np.sqrt(1 / 12 / 300))


def test_means_of_smooth_functions_vary_less() -> None:
    def error(make: Any) -> float:
        box = make((-1.0, -1.0), (1.0, 1.0))
        draw = jax.jit(lambda k: box.draw(k, (), 256, jnp.float32(0), jnp.float32))
        means = [float(jnp.mean(jnp.exp(p.x[:, 0]) * p.t)) for p in map(draw, jax.random.split(jax.random.key(5), 30))]
        truth = np.sinh(1.0) * 0.5
        assert abs(np.mean(means) - truth) < 4 * np.std(means) / np.sqrt(30) + 1e-6
        return float(np.std(means))

    assert error(SobolBox) < 0.15 * error(UniformBox)


def test_times_follow_the_curriculum() -> None:
    box = SobolBox((0.0,), (1.0,), Times(0.25))
    t = box.draw(jax.random.key(0), (), 64, jnp.float32(0), jnp.float32).t
    assert 0.24 < float(t.max()) <= 0.25


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [0, 1, 7])
def test_shapes_and_dtypes(n: int, dtype: str, x64: None) -> None:
    points = BOX.draw(jax.random.key(0), (), n, jnp.float32(0), jnp.dtype(dtype))
    assert (points.x.shape, points.t.shape) == ((n, 2), (n,))
    assert {str(points.x.dtype), str(points.t.dtype)} == {dtype}


def test_a_box_without_volume_is_refused() -> None:
    with pytest.raises(ConfigError, match="box: expected lower < upper"):
        SobolBox((0.0,), (0.0,))
