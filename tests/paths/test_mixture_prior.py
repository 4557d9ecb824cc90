"""The prior that is a mixture: its density against scipy's, and its samples against its density."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from transjet.paths import MixturePrior
from transjet.paths.mixture_prior import _gamma

WEIGHTS = np.array([0.2, 0.5, 0.3])
MEANS = np.array([[0.0, 0.0, 0.0], [9.0, -3.0, 1.0], [-8.0, 5.0, 4.0]])
ROOTS = np.array([[[1.0, 0, 0], [0.8, 0.5, 0], [-0.3, 0.1, 2.0]], 0.3 * np.eye(3), np.diag([0.5, 1.5, 1.0])])
COVARIANCES = ROOTS @ ROOTS.transpose(0, 2, 1)
X = np.random.default_rng(0).normal(size=(7, 3)) * 4
DOFS = [np.inf, 8.0, 3.0]
N = 20_000
SIGMAS = 4.5


def mixture(dof: float = np.inf, dtype: str = "float32") -> MixturePrior:
    arrays = np.log(WEIGHTS), MEANS, ROOTS, np.linalg.inv(ROOTS), dof
    return MixturePrior(*(jnp.asarray(a, dtype) for a in arrays))


def expected(x: np.ndarray, dof: float, widen: float = 1.0) -> np.ndarray:
    """Log density by scipy."""
    if np.isinf(dof):
        parts = [stats.multivariate_normal(m, widen**2 * c) for m, c in zip(MEANS, COVARIANCES, strict=True)]
    else:
        parts = [stats.multivariate_t(m, widen**2 * c, dof) for m, c in zip(MEANS, COVARIANCES, strict=True)]
    return np.logaddexp.reduce([np.log(w) + p.logpdf(x) for w, p in zip(WEIGHTS, parts, strict=True)])


def draws(dof: float, **options: Any) -> np.ndarray:
    return np.asarray(mixture(dof).sample(jax.random.key(3), N, **options), float)


def nearest(x: np.ndarray) -> np.ndarray:
    """Components lie far apart: the one that a draw comes from is the nearest."""
    return ((x[:, None] - MEANS) ** 2).sum(axis=2).argmin(axis=1)


@pytest.mark.parametrize("dof", DOFS)
def test_log_density_is_that_of_scipy(dof: float, x64: None) -> None:
    x = np.concatenate([X, MEANS, [[300.0, -200.0, 100.0]]])
    np.testing.assert_allclose(mixture(dof, "float64").log_density(jnp.asarray(x)), expected(x, dof), rtol=1e-11)


@pytest.mark.parametrize("dof", DOFS)
def test_float32_is_near_and_finite_far_away(dof: float) -> None:
    prior, far = mixture(dof), jnp.full((2, 3), 1e4)
    np.testing.assert_allclose(prior.log_density(jnp.asarray(X, jnp.float32)), expected(X, dof), rtol=1e-4, atol=1e-4)
    for value in (prior.log_density(far), prior.grad(far), prior.laplacian(far)):
        assert value.dtype == jnp.float32 and np.isfinite(value).all()


@pytest.mark.parametrize("dof", DOFS)
def test_derivatives_are_those_of_the_log_density(dof: float, x64: None) -> None:
    prior, x = mixture(dof, "float64"), jnp.asarray(X)
    np.testing.assert_allclose(prior.grad(x), jax.vmap(jax.grad(prior.log_density))(x), rtol=1e-10)
    trace = jax.vmap(lambda x: jnp.trace(jax.hessian(prior.log_density)(x)))(x)
    np.testing.assert_allclose(prior.laplacian(x), trace, rtol=1e-9)
    h = 1e-6 * np.eye(3)[:, None]
    differences = (expected(X + h, dof) - expected(X - h, dof)) / 2e-6
    np.testing.assert_allclose(prior.grad(x), differences.T, rtol=1e-5, atol=1e-6)


def test_shapes() -> None:
    prior, x = mixture(8.0), jnp.asarray(X[:6], jnp.float32)
    assert prior.dim == 3 and prior.std == 1.0
    assert prior.log_density(x[0]).shape == () and prior.log_density(x[:0]).shape == (0,)
    np.testing.assert_allclose(prior.log_density(x.reshape(2, 3, 3)).ravel(), prior.log_density(x), rtol=1e-6)
    np.testing.assert_allclose(prior.log_density(x[2]), prior.log_density(x)[2], rtol=1e-6)
    assert prior.grad(x).shape == (6, 3) and prior.laplacian(x).shape == prior.assigned(x).shape == (6,)
    log_joint, square = prior.components(x)
    assert log_joint.shape == square.shape == (6, 3)


def test_a_mixture_is_a_pytree() -> None:
    """Another mixture of the same shapes is no new compilation."""
    traced = []

    @jax.jit
    def evaluate(prior: MixturePrior, key: Any) -> Any:
        traced.append(1)
        x = prior.sample(key, 5)
        return x, prior.log_density(x), prior.grad(x), prior.laplacian(x)

    for dof in DOFS:
        x, value, grad, laplacian = evaluate(mixture(dof), jax.random.key(1))
        np.testing.assert_allclose(x, mixture(dof).sample(jax.random.key(1), 5), rtol=1e-5)
        np.testing.assert_allclose(value, expected(np.asarray(x, float), dof), rtol=1e-3, atol=1e-3)
        assert np.isfinite(grad).all() and np.isfinite(laplacian).all()
    assert len(traced) == 1 and len(jax.tree.leaves(mixture())) == 5


@pytest.mark.parametrize("dof", [np.inf, 8.0])
@pytest.mark.parametrize("antithetic", [False, True])
def test_moments_of_samples(dof: float, antithetic: bool) -> None:
    x = draws(dof, antithetic=antithetic)
    spread = COVARIANCES * (1.0 if np.isinf(dof) else dof / (dof - 2))
    mean = WEIGHTS @ MEANS
    second = np.einsum("k,kij->ij", WEIGHTS, spread + MEANS[:, :, None] * MEANS[:, None, :])
    products = x[:, :, None] * x[:, None, :]
    pairs = np.sqrt(2 if antithetic else 1)  # both of a pair share their centre: half as many independent draws
    assert np.all(np.abs(x.mean(axis=0) - mean) < SIGMAS * pairs * x.std(axis=0) / np.sqrt(N))
    assert np.all(np.abs(products.mean(axis=0) - second) < SIGMAS * pairs * products.std(axis=0) / np.sqrt(N))


@pytest.mark.parametrize("dof", DOFS)
def test_components_have_their_weights_and_shapes(dof: float) -> None:
    """The squared distance to a component's centre is d times Fisher's F, or chi squared."""
    x = draws(dof)
    k = nearest(x) if np.isinf(dof) else np.asarray(mixture(dof).assigned(jnp.asarray(x, jnp.float32)))
    if dof != 3.0:  # tails of three degrees of freedom reach into other components
        share = np.bincount(k) / N
        assert np.all(np.abs(share - WEIGHTS) < SIGMAS * np.sqrt(WEIGHTS * (1 - WEIGHTS) / N))
    one = mixture(dof)._replace(log_weights=jnp.array([0.0, -jnp.inf, -jnp.inf]))
    z = np.asarray(one.sample(jax.random.key(5), N), float) @ np.linalg.inv(ROOTS[0]).T
    law = stats.chi2(3) if np.isinf(dof) else stats.f(3, dof)
    square = (z**2).sum(axis=1) / (1 if np.isinf(dof) else 3)
    assert stats.kstest(square, law.cdf).pvalue > 1e-4
    assert np.all(np.abs(np.mean(np.sign(z[:, :2] * z[:, 1:]), axis=0)) < SIGMAS / np.sqrt(N))


@pytest.mark.parametrize("n", [8, 9])
def test_antithetic_pairs_lie_on_both_sides_of_one_centre(n: int) -> None:
    x = np.asarray(mixture(8.0).sample(jax.random.key(2), n, antithetic=True), float)
    assert x.shape == (n, 3)
    half = (n + 1) // 2
    middle = (x[: n - half] + x[half:]) / 2
    assert np.all(np.abs(middle[:, None] - MEANS).max(axis=2).min(axis=1) < 1e-5)
    assert np.all(np.abs(x[: n - half] - x[half:]).max(axis=1) > 1e-3)


@pytest.mark.parametrize("dof", DOFS)
def test_widened_keeps_centres_and_scales_components(dof: float, x64: None) -> None:
    wide = mixture(dof, "float64").widened(1.7)
    np.testing.assert_allclose(wide.log_density(jnp.asarray(X)), expected(X, dof, 1.7), rtol=1e-11)
    np.testing.assert_array_equal(wide.means, MEANS)
    x, y = (np.asarray(p.sample(jax.random.key(0), 50, jnp.float64)) for p in (mixture(dof, "float64"), wide))
    centre = (1.7 * x - y) / 0.7  # where y - centre = 1.7 (x - centre)
    np.testing.assert_allclose(np.abs(centre[:, None] - MEANS).max(axis=2).min(axis=1), 0, atol=1e-9)


def test_components_without_weight_do_not_count() -> None:
    """Not in draws, and not in the density; not even where they alone are."""
    off = mixture()._replace(log_weights=jnp.log(jnp.array([0.4, 0.0, 0.6])))
    x = np.asarray(off.sample(jax.random.key(4), N))
    share = np.bincount(nearest(x), minlength=3) / N
    assert share[1] == 0 and abs(share[0] - 0.4) < SIGMAS * np.sqrt(0.24 / N)
    there = jnp.asarray(MEANS, jnp.float32)
    assert off.log_density(there)[1] < -25
    assert np.asarray(off.assigned(there))[1] != 1
    assert np.isfinite(off.grad(there)).all() and np.isfinite(off.laplacian(there)).all()


@pytest.mark.parametrize("shape", [0.3, 0.5, 1.5, 4.0, 40.0])
def test_gamma_variates_have_their_distribution(shape: float) -> None:
    found = np.asarray(_gamma(jax.random.key(5), jnp.float32(shape), N, jnp.float32), float)
    assert stats.kstest(found, stats.gamma(shape).cdf).pvalue > 1e-3
    assert stats.kstest(found, stats.gamma(1.05 * shape + 0.02).cdf).pvalue < 1e-3, "a planted bug would be seen"
