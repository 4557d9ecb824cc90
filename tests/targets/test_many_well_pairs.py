from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from transjet import targets
from transjet.errors import ConfigError, DTypeError
from transjet.targets import many_well_pairs


def factor(x: np.ndarray) -> np.ndarray:
    return np.exp(-(x**4) + 6 * x**2 + 0.5 * x)


def test_log_z_against_the_stated_figures_and_adaptive_quadrature():
    one = integrate.quad(factor, -4, 4, points=[-1.7, 0, 1.7], epsrel=1e-12)[0]
    assert abs(one - 11784.509265128) < 1e-6
    for dim, log_z in ((32, 164.695675313), (2, 10.293479707)):
        assert abs(many_well_pairs(dim).log_z - log_z) < 1e-8
        assert abs(many_well_pairs(dim).log_z - dim / 2 * (np.log(one) + 0.5 * np.log(2 * np.pi))) < 1e-10


def test_density_by_its_definition():
    x = np.random.default_rng(0).normal(size=32)
    with jax.enable_x64(True):
        value = targets.get("many-well-32").log_density(jnp.asarray(x))
    np.testing.assert_allclose(value, np.log(factor(x[::2])).sum() - 0.5 * (x[1::2] ** 2).sum(), rtol=1e-12)


def test_weights_of_the_listed_modes_are_products_of_the_wells():
    target = targets.get("many-well-32")
    middle = target.modes[:, 0].mean()
    deep = integrate.quad(factor, middle, 4, epsrel=1e-12)[0] / integrate.quad(factor, -4, 4, points=[0])[0]
    assert abs(deep - 0.8443) < 2e-4
    assert target.modes.shape == (16, 32) and len(many_well_pairs(4).modes) == 4
    count = (target.modes[:, :8:2] > 0).sum(axis=1)
    np.testing.assert_allclose(target.mode_weights, deep**count * (1 - deep) ** (4 - count), rtol=1e-6)


def test_modes_are_maxima():
    target = targets.get("many-well-32")
    with jax.enable_x64(True):
        modes = jnp.asarray(target.modes)
        gradients = np.asarray(jax.vmap(jax.grad(target.log_density))(modes))
        curvature = np.asarray(jax.vmap(lambda x: jnp.diag(jax.hessian(target.log_density)(x)))(modes[:3]))
    assert np.abs(gradients).max() < 1e-9 and curvature.max() < 0


def test_sampler_by_kolmogorov_smirnov():
    x = np.asarray(many_well_pairs(4).sample(jax.random.key(2), 20_001), np.float64)
    grid = np.linspace(-3.4, 3.4, 100_001)
    cumulative = integrate.cumulative_trapezoid(factor(grid), grid, initial=0)
    for k in (0, 2):
        assert stats.kstest(x[:, k], lambda v: np.interp(v, grid, cumulative / cumulative[-1])).pvalue > 1e-3
        assert stats.kstest(x[:, k + 1], "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(x.T)[np.triu_indices(4, 1)]).max() < 4.5 / np.sqrt(len(x))


@pytest.mark.parametrize("dim, error", [(3, ConfigError), (2.0, DTypeError)])
def test_malformed_sizes(dim, error):
    with pytest.raises(error, match="dim"):
        many_well_pairs(dim)
