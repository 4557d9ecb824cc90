"""The Gaussian prior."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm

from transjet.errors import ConfigError
from transjet.paths import GaussianPrior

X = np.random.default_rng(0).standard_normal((5, 3))


@pytest.mark.parametrize("std", [0.3, 1.0, 7.0])
def test_log_density_and_derivatives(std: float, x64: None) -> None:
    prior, x = GaussianPrior(3, std), jnp.asarray(X)
    np.testing.assert_allclose(prior.log_density(x), jnp.sum(norm.logpdf(x, scale=std), axis=1), rtol=1e-13)
    np.testing.assert_allclose(prior.grad(x), jax.vmap(jax.grad(prior.log_density))(x), rtol=1e-13)
    trace = jax.vmap(lambda x: jnp.trace(jax.hessian(prior.log_density)(x)))(x)
    np.testing.assert_allclose(prior.laplacian(x), trace, rtol=1e-13)


def test_one_point_and_no_points() -> None:
    prior = GaussianPrior(3)
    assert prior.log_density(jnp.zeros(3)).shape == prior.laplacian(jnp.zeros(3)).shape == ()
    assert prior.log_density(jnp.zeros((0, 3))).shape == (0,)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples(dtype: str, x64: None) -> None:
    n, prior = 20_000, GaussianPrior(3, 2.0)
    x = prior.sample(jax.random.key(0), n, jnp.dtype(dtype))
    assert (x.shape, str(x.dtype)) == ((n, 3), dtype)
    assert {str(f(x).dtype) for f in (prior.log_density, prior.grad, prior.laplacian)} == {dtype}
    x = np.asarray(x, np.float64)
    assert np.all(np.abs(x.mean(axis=0)) < 4 * 2 / np.sqrt(n))
    assert np.all(np.abs((x**2).mean(axis=0) - 4) < 4 * 4 * np.sqrt(2 / n))
    assert np.all(np.abs(np.corrcoef(x.T) - np.eye(3)) < 4 / np.sqrt(n))


@pytest.mark.parametrize(
    ("dim", "std", "message"),
    [
        (0, 1.0, "prior: dim: expected at least 1; got 0"),
        (2, 0.0, "prior: std: expected a positive number; got 0.0"),
        (2, -1.0, "prior: std: expected a positive number"),
        (2, float("nan"), "prior: std: expected a positive number; got nan"),
        (2, float("inf"), "prior: std: expected a positive number; got inf"),
    ],
)
def test_impossible_priors_are_refused(dim: int, std: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GaussianPrior(dim, std)
