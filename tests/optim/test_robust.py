"""The Huber loss with a scale of its own."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.optim.robust import huber_loss, huber_roots, huber_scale

R = jnp.array([0.5, -1.0, 2.0, -8.0, 0.0])


def test_values_by_hand(x64: None) -> None:
    residual = R.astype(jnp.float64)
    scale = huber_scale(residual, 3.0)
    assert float(scale) == 3.0  # three times the median of 0, 0.5, 1, 2, 8
    np.testing.assert_allclose(huber_loss(residual, scale), (0.25 + 1 + 4 + (2 * 3 * 8 - 9) + 0) / 5)
    np.testing.assert_allclose(huber_roots(residual, scale), [1, 1, 1, np.sqrt(3 / 8), 1])


def test_without_it_the_loss_is_the_mean_square() -> None:
    scale = huber_scale(R, 0.0)
    np.testing.assert_allclose(huber_loss(R, scale), np.mean(np.asarray(R) ** 2))
    np.testing.assert_array_equal(huber_roots(R, scale), np.ones(5))


def test_weighted_least_squares_descend_the_loss(x64: None) -> None:
    residual = jnp.asarray(np.random.default_rng(0).standard_cauchy(31))
    scale = huber_scale(residual, 1.5)
    weights = huber_roots(residual, scale) ** 2
    assert np.sum(np.asarray(weights) < 1) > 5
    gradient = jax.grad(huber_loss)(residual, scale)
    np.testing.assert_allclose(gradient, 2 * weights * residual / 31, rtol=1e-12)


@pytest.mark.parametrize("kappa", [0.0, 3.0])
@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf, -jnp.inf])
def test_a_residual_that_is_not_finite_makes_the_loss_infinite(bad: float, kappa: float) -> None:
    residual = R.at[2].set(bad)
    assert huber_loss(residual, huber_scale(residual, kappa)) == jnp.inf
    assert huber_loss(residual, huber_scale(R, kappa)) == jnp.inf


def test_residuals_that_vanish_for_most_points_leave_finite_weights() -> None:
    residual = jnp.array([0.0, 0.0, 0.0, 1.0])
    scale = huber_scale(residual, 3.0)
    assert scale > 0
    assert np.isfinite(huber_roots(residual, scale)).all()
    assert np.isfinite(huber_loss(residual, scale))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes(dtype: str, x64: None) -> None:
    residual = R.astype(dtype)
    for kappa in (0.0, 2.0):
        scale = huber_scale(residual, kappa)
        assert {str(a.dtype) for a in (scale, huber_loss(residual, scale), huber_roots(residual, scale))} == {dtype}
