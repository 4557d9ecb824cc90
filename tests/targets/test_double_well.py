from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from transjet import targets
from transjet.errors import ConfigError, DTypeError
from transjet.targets import double_well

X = np.linspace(-3.0, 6.0, 4001)


def density() -> np.ndarray:
    with jax.enable_x64(True):
        return np.exp(np.asarray(jax.vmap(targets.get("double-well").log_density)(jnp.asarray(X[:, None]))))


def test_log_z_and_moments_by_quadrature():
    target, rho = targets.get("double-well"), density()
    z = integrate.trapezoid(rho, X)
    mean = integrate.trapezoid(X * rho, X) / z
    assert abs(np.log(z) - target.log_z) < 1e-12 and abs(target.log_z - 0.293002) < 5e-7
    np.testing.assert_allclose(mean, target.mean[0], rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(integrate.trapezoid((X - mean) ** 2 * rho, X) / z), target.std[0], rtol=1e-12)


def test_modes_are_the_maxima():
    rho = density()
    peaks = X[1:-1][(rho[1:-1] > rho[:-2]) & (rho[1:-1] > rho[2:])]
    np.testing.assert_allclose(targets.get("double-well").modes[:, 0], peaks, atol=X[1] - X[0])


def test_sampler_by_kolmogorov_smirnov():
    cumulative = integrate.cumulative_trapezoid(density(), X, initial=0)
    draws = np.asarray(targets.get("double-well").sample(jax.random.key(11), 20_001))[:, 0]
    assert stats.kstest(draws, lambda v: np.interp(v, X, cumulative / cumulative[-1])).pvalue > 1e-3


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ((np.nan,), ConfigError, "shift"),
        (("1",), DTypeError, "shift"),
        ((0.0, -1.0), ConfigError, "delta"),
        ((0.0, [2.0]), DTypeError, "delta"),
    ],
)
def test_malformed(arguments, error, words):
    with pytest.raises(error, match=words):
        double_well(*arguments)
