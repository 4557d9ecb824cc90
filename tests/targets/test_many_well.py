from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from transjet import targets
from transjet.errors import ConfigError, DTypeError, ShapeError
from transjet.targets import many_well


@pytest.mark.parametrize(
    "name, sizes, log_z",
    [
        ("many-well-5", (5, 5, 4.0), -0.541055513),
        ("many-well-5-2", (5, 5, 2.0), 1.465009),
        ("many-well-50", (50, 5, 2.0), 42.817242678),
    ],
)
def test_log_z_against_reference_and_factorised_quadrature(name, sizes, log_z):
    target, (dim, wells, delta) = targets.get(name), sizes
    assert target.dim == dim
    assert abs(target.log_z - log_z) < 5e-7
    well = integrate.quad(lambda x: np.exp(-((x**2 - delta) ** 2)), -6, 6, points=[-2, 0, 2], epsabs=1e-12)[0]
    gauss = integrate.quad(lambda x: np.exp(-0.5 * x**2), -10, 10, epsabs=1e-12)[0]
    assert abs(target.log_z - wells * np.log(well) - (dim - wells) * np.log(gauss)) < 1e-10


def test_density_by_its_definition():
    x = np.random.default_rng(0).normal(size=7)
    with jax.enable_x64(True):
        value = many_well(7, 3, 2.5).log_density(jnp.asarray(x))
    np.testing.assert_allclose(value, -sum((x[:3] ** 2 - 2.5) ** 2) - 0.5 * sum(x[3:] ** 2), rtol=1e-13)


def test_modes_are_the_maxima_of_all_sign_patterns():
    target = targets.get("many-well-50")
    assert target.modes.shape == (32, 50) and len(np.unique(target.modes[:, :5], axis=0)) == 32
    with jax.enable_x64(True):
        values = jax.vmap(target.log_density)(jnp.asarray(target.modes))
    np.testing.assert_allclose(values, 0.0, atol=1e-28)
    signs = np.sign(np.random.default_rng(1).normal(size=(64, 50)))
    np.testing.assert_array_equal(np.sign(target.modes[target.assign_modes(signs)][:, :5]), signs[:, :5])


def test_gaussian_coordinates_by_kolmogorov_smirnov():
    x = np.asarray(targets.get("many-well-50").sample(jax.random.key(2), 5_001))
    smallest = min(stats.kstest(x[:, k], "norm").pvalue for k in range(5, 50))
    assert smallest > 1e-3 / 45


def test_coordinates_are_independent():
    x = np.asarray(many_well(6, 4, 2.0).sample(jax.random.key(3), 20_001), dtype=np.float64)
    off = np.corrcoef(x.T)[np.triu_indices(6, 1)]
    assert np.abs(off).max() < 4.5 / np.sqrt(len(x))


def test_default_name_tells_the_sizes():
    assert many_well(6, 2, 2.5).name == "many-well-6-2-2.5"


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ((0, 1, 2.0), ShapeError, "dim"),
        ((5, 0, 2.0), ShapeError, "dim"),
        ((5, 6, 2.0), ConfigError, "wells must be at most .* 5"),
        ((50, 17, 2.0), ConfigError, "wells must be at most .* 16"),
        ((5.0, 5, 2.0), DTypeError, "dim"),
        ((5, 5, 0.0), ConfigError, "delta"),
        ((5, 5, None), DTypeError, "delta"),
        ((5, 5, np.inf), ConfigError, "delta"),
    ],
)
def test_malformed_sizes(arguments, error, words):
    with pytest.raises(error, match=words):
        many_well(*arguments)
