from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from transjet import targets
from transjet.errors import ConfigError, DTypeError
from transjet.targets import rings

RADII = np.array([1.0, 3.0, 5.0])


def radial(r: float) -> float:
    return 2 * np.pi * r * np.exp(-100 * np.min((r - RADII) ** 2))


def test_log_z_against_the_stated_figure_and_adaptive_quadrature():
    target = targets.get("rings")
    parts = [integrate.quad(radial, max(0.0, r - 0.9), r + 0.9, points=[r], epsabs=1e-13)[0] for r in RADII]
    assert abs(target.log_z - np.log(sum(parts))) < 1e-10
    assert abs(target.log_z - 2.304881494) < 5e-8


def test_density_by_its_definition_and_at_the_origin():
    x = np.random.default_rng(0).normal(size=(50, 2)) * 3
    with jax.enable_x64(True):
        values = jax.vmap(targets.get("rings").log_density)(jnp.asarray(x))
        value, gradient = jax.value_and_grad(targets.get("rings").log_density)(jnp.zeros(2))
    distances = (np.linalg.norm(x, axis=1)[:, None] - RADII) ** 2
    np.testing.assert_allclose(values, -100 * distances.min(axis=1), rtol=1e-11)
    assert float(value) == -100.0 and not np.asarray(gradient).any()


def test_radii_and_angles_by_kolmogorov_smirnov():
    x = np.asarray(targets.get("rings").sample(jax.random.key(0), 20_001), np.float64)
    grid = np.linspace(0, 6, 60_001)
    cumulative = integrate.cumulative_trapezoid([radial(r) for r in grid], grid, initial=0)
    radii = np.linalg.norm(x, axis=1)
    assert stats.kstest(radii, lambda v: np.interp(v, grid, cumulative / cumulative[-1])).pvalue > 1e-3
    assert stats.kstest(np.arctan2(x[:, 1], x[:, 0]) / (2 * np.pi) + 0.5, "uniform").pvalue > 1e-3


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        (([],), ConfigError, "radii"),
        (([2.0, 1.0],), ConfigError, "increasing"),
        (([0.0, 1.0],), ConfigError, "positive"),
        ((["a"],), DTypeError, "radii"),
        (([1.0], 0.0), ConfigError, "precision"),
    ],
)
def test_malformed_rings(arguments, error, words):
    with pytest.raises(error, match=words):
        rings(*arguments)
