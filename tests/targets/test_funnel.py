from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from transjet import targets
from transjet.errors import ConfigError, DTypeError, ShapeError
from transjet.targets import funnel


def test_density_is_the_normalised_product():
    x = np.random.default_rng(0).normal(size=(17, 10)) * 2
    with jax.enable_x64(True):
        values = jax.vmap(targets.get("funnel-10").log_density)(jnp.asarray(x))
    neck = stats.norm(0, 3).logpdf(x[:, 0])
    rest = stats.norm(0, np.exp(x[:, :1] / 2)).logpdf(x[:, 1:]).sum(axis=1)
    np.testing.assert_allclose(values, neck + rest, rtol=1e-12)


def test_log_z_and_std_by_quadrature_in_two_dimensions():
    target = funnel(2)
    # In v = x_1 exp(-x_0 / 2) the funnel is a plain product: integrate there, with the Jacobian exp(x_0 / 2).
    neck, v = np.meshgrid(np.linspace(-25, 30, 801), np.linspace(-9, 9, 301), indexing="ij")
    rest = v * np.exp(neck / 2)
    with jax.enable_x64(True):
        points = jnp.asarray(np.stack([neck, rest], axis=-1).reshape(-1, 2))
        log_rho = np.asarray(jax.vmap(target.log_density)(points)).reshape(neck.shape)
    mass = np.exp(log_rho + neck / 2) * (neck[1, 0] - neck[0, 0]) * (v[0, 1] - v[0, 0])
    assert abs(np.log(mass.sum())) < 1e-10
    np.testing.assert_allclose((mass * rest**2).sum(), np.exp(4.5), rtol=1e-9)
    np.testing.assert_allclose(target.std, [3.0, np.exp(2.25)], rtol=1e-15)


def test_sampler_by_kolmogorov_smirnov():
    x = np.asarray(targets.get("funnel-10").sample(jax.random.key(4), 5_001), dtype=np.float64)
    columns = [x[:, 0] / 3, *(x[:, 1:] * np.exp(-x[:, :1] / 2)).T]
    assert min(stats.kstest(column, "norm").pvalue for column in columns) > 1e-3 / 10
    assert np.abs(np.corrcoef(np.stack(columns)) - np.eye(10)).max() < 5 / np.sqrt(len(x))


def test_the_far_neck_stays_finite_in_float32():
    point = jnp.zeros(10).at[0].set(-100.0).at[1].set(1e-20)
    value, gradient = jax.value_and_grad(targets.get("funnel-10").log_density)(point)
    assert bool(jnp.isfinite(value)) and bool(jnp.isfinite(gradient).all())


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ((1,), ConfigError, "dim must be at least 2"),
        ((0,), ShapeError, "dim"),
        ((10.0,), DTypeError, "dim"),
        ((10, 0.0), ConfigError, "scale"),
        ((10, "3"), DTypeError, "scale"),
    ],
)
def test_malformed(arguments, error, words):
    with pytest.raises(error, match=words):
        funnel(*arguments)
