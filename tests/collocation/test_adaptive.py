"""Points where the residual is large, with weights."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.collocation import Mixture, Points, ResidualAdaptive, UniformBox
from transjet.errors import ConfigError

BOX = UniformBox((0.0,), (1.0,))
M = 64
CANDIDATES = Points(jnp.linspace(0, 1, M)[:, None], jnp.zeros(M))
RESIDUAL = jnp.exp(6 * CANDIDATES.x[:, 0]) - 2
SELECT = jax.jit(ResidualAdaptive.select, static_argnums=(0, 4))


def select(adaptive: ResidualAdaptive, n: int, seed: int, residual: Any = RESIDUAL) -> Any:
    points, weights, index = SELECT(adaptive, jax.random.key(seed), CANDIDATES, residual, n)
    np.testing.assert_array_equal(points.x, CANDIDATES.x[index])
    return points, weights


@pytest.mark.parametrize(("power", "floor"), [(1.0, 1.0), (2.0, 0.3), (0.0, 1.0)])
def test_weighted_means_are_unbiased_and_weights_bounded(power: float, floor: float) -> None:
    adaptive = ResidualAdaptive(BOX, power=power, floor=floor)
    values = np.asarray(RESIDUAL) ** 2
    estimates, most = [], 0.0
    for seed in range(300):
        (x, _), weights = select(adaptive, 8, seed)
        index = np.round(np.asarray(x[:, 0]) * (M - 1)).astype(int)
        estimates.append(np.mean(np.asarray(weights) * values[index]))
        most = max(most, float(weights.max()))
    assert abs(np.mean(estimates) - values.mean()) < 4 * np.std(estimates) / np.sqrt(300)
    assert most <= 1 + 1 / floor + 1e-5
    if power == 0:
        np.testing.assert_allclose(weights, 1, rtol=1e-5)


def test_the_estimate_varies_less_than_plain_drawing() -> None:
    rng, values = np.random.default_rng(0), np.asarray(RESIDUAL) ** 2
    plain = np.std([values[rng.integers(0, M, 8)].mean() for _ in range(300)])
    adaptive = ResidualAdaptive(BOX, power=2.0, floor=0.1)
    estimates = []
    for seed in range(300):
        (x, _), weights = select(adaptive, 8, seed)
        estimates.append(np.mean(np.asarray(weights) * values[np.round(np.asarray(x[:, 0]) * (M - 1)).astype(int)]))
    assert np.std(estimates) < 0.5 * plain


def test_probabilities_are_those_of_the_formula() -> None:
    power, floor, n = 1.5, 0.5, 20_000
    (x, _), _ = select(ResidualAdaptive(BOX, power=power, floor=floor), n, 0)
    size = np.abs(np.asarray(RESIDUAL)) ** power
    expected = (size / size.mean() + floor) / (1 + floor) / M
    counts = np.bincount(np.round(np.asarray(x[:, 0]) * (M - 1)).astype(int), minlength=M)
    np.testing.assert_allclose(counts / n, expected, atol=2 / n + 1e-5)


def test_residuals_of_a_point_count_together() -> None:
    two = jnp.concatenate([jnp.zeros(M).at[3].set(50.0), jnp.zeros(M).at[40].set(50.0)])
    (x, _), _ = select(ResidualAdaptive(BOX, floor=0.01), 100, 0, two)
    index = np.round(np.asarray(x[:, 0]) * (M - 1)).astype(int)
    assert np.mean(index == 3) > 0.4
    assert np.mean(index == 40) > 0.4


def test_points_without_a_finite_residual_are_not_hidden() -> None:
    lost = RESIDUAL.at[5].set(jnp.nan)
    points, weights = select(ResidualAdaptive(BOX), 2000, 0, lost)
    assert np.isfinite(weights).all()
    assert np.any(np.isclose(np.asarray(points.x[:, 0]), CANDIDATES.x[5, 0]))
    _, weights = select(ResidualAdaptive(BOX), 10, 0, jnp.full(M, jnp.nan))
    np.testing.assert_allclose(weights, 1, rtol=1e-5)
    _, weights = select(ResidualAdaptive(BOX), 10, 0, jnp.zeros(M))
    np.testing.assert_allclose(weights, 1, rtol=1e-5)


def test_without_correction_weights_are_one() -> None:
    points, weights = select(ResidualAdaptive(BOX, unbiased=False, floor=0.1), 100, 0)
    np.testing.assert_array_equal(weights, 1)
    assert float(points.x.mean()) > 0.7


def test_plain_draws_are_the_bases() -> None:
    adaptive = ResidualAdaptive(BOX)
    args = (jax.random.key(3), (), 5, jnp.float32(0), jnp.float32)
    np.testing.assert_array_equal(adaptive.draw(*args).x, BOX.draw(*args).x)
    assert adaptive.refresh(jax.random.key(0), lambda x, t: x, jnp.float32) == ()


def test_what_cannot_be_is_refused() -> None:
    for options in ({"factor": 0}, {"power": -1.0}, {"floor": 0.0}, {"floor": float("inf")}):
        with pytest.raises(ConfigError, match="adaptive: expected factor >= 1"):
            ResidualAdaptive(BOX, **options)
    with pytest.raises(ConfigError, match="adaptive: expected a base"):
        ResidualAdaptive(ResidualAdaptive(BOX))
    with pytest.raises(ConfigError, match="mixture: expected components without weights"):
        Mixture((BOX, ResidualAdaptive(BOX)), (1, 1))
