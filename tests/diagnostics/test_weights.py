"""Pareto k and the coverage of modes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from transjet.diagnostics import entropic_coverage, pareto_k


@pytest.mark.parametrize("k", [0.3, 0.7, 1.2])
def test_the_shape_of_pareto_weights_is_found(k: float) -> None:
    w = stats.genpareto(k).rvs(40_000, random_state=np.random.default_rng(0))
    found = float(jax.jit(pareto_k)(jnp.asarray(np.log1p(w), jnp.float32)))
    assert abs(found - k) < 0.12


def test_the_fit_agrees_with_maximum_likelihood(x64: None) -> None:
    log_w = 1.5 * np.random.default_rng(1).standard_normal(4000)
    w = np.sort(np.exp(log_w - log_w.max()))
    tail = int(np.ceil(3 * np.sqrt(4000)))
    shape, _, _ = stats.genpareto.fit(w[-tail:] - w[-tail - 1], floc=0)
    assert abs(float(pareto_k(jnp.asarray(log_w))) - (tail * shape + 5) / (tail + 10)) < 0.05


def test_even_weights_have_a_small_shape_and_heavy_ones_a_large_one() -> None:
    normal = jax.random.normal(jax.random.key(0), (4000,))
    assert float(pareto_k(0.1 * normal)) < 0.4
    assert float(pareto_k(6 * normal)) > 0.8
    holes = jnp.where(jnp.arange(4000) % 10 == 0, jnp.nan, 6 * normal)
    assert float(pareto_k(holes)) > 0.8
    assert np.isnan(pareto_k(normal[:20]))


def test_coverage_is_the_entropy_of_the_shares() -> None:
    modes = jnp.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]])
    x = jnp.concatenate([jnp.tile(modes[0], (2, 1)), jnp.tile(modes[2], (6, 1))]) + 0.3
    p = np.array([0.25, 0.75])
    np.testing.assert_allclose(entropic_coverage(x, modes), -np.sum(p * np.log(p)) / np.log(3), rtol=1e-6)
    assert float(entropic_coverage(jnp.tile(modes[1], (4, 1)), modes)) == 0.0
    np.testing.assert_allclose(entropic_coverage(modes, modes), 1.0, rtol=1e-6)
