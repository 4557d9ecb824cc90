from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from transjet import targets
from transjet.errors import ConfigError, DTypeError
from transjet.targets import banana


def test_density_is_that_of_the_bent_gaussian():
    x = np.random.default_rng(0).normal(size=(40, 2)) * [10, 5]
    with jax.enable_x64(True):
        values = jax.vmap(targets.get("banana").log_density)(jnp.asarray(x))
    exact = stats.norm(0, 10).logpdf(x[:, 0]) + stats.norm(0.03 * (x[:, 0] ** 2 - 100), 1).logpdf(x[:, 1])
    np.testing.assert_allclose(values, exact, rtol=1e-11)


def test_log_z_by_quadrature():
    x, y = np.linspace(-9, 9, 201), np.linspace(-30, 60, 601)
    target = banana(1.5, 0.4)
    with jax.enable_x64(True):
        points = jnp.stack(jnp.meshgrid(jnp.asarray(x), jnp.asarray(y), indexing="ij"), -1).reshape(-1, 2)
        density = np.exp(jax.vmap(target.log_density)(points)).reshape(len(x), len(y))
    assert abs(np.log(integrate.trapezoid(integrate.trapezoid(density, y), x)) - target.log_z) < 1e-6


def test_sampler_unbends_into_a_gaussian():
    x = np.asarray(targets.get("banana").sample(jax.random.key(1), 20_001), np.float64)
    assert stats.kstest(x[:, 0] / 10, "norm").pvalue > 1e-3
    assert stats.kstest(x[:, 1] - 0.03 * (x[:, 0] ** 2 - 100), "norm").pvalue > 1e-3


@pytest.mark.parametrize(
    "arguments, error, words",
    [((0.0,), ConfigError, "scale"), ((1.0, np.nan), ConfigError, "curvature"), ((1.0, "1"), DTypeError, "curvature")],
)
def test_malformed_bananas(arguments, error, words):
    with pytest.raises(error, match=words):
        banana(*arguments)
