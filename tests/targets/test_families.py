"""Densities behind the random targets, against closed forms and other ways to compute them."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import logsumexp

from transjet.targets.families.banana import bent_gaussian
from transjet.targets.families.chain import coupled_wells
from transjet.targets.families.core import Core, Place
from transjet.targets.families.drawing import orthogonal, shares, variances
from transjet.targets.families.elliptical import elliptical_mixture
from transjet.targets.families.funnel import funnel_of
from transjet.targets.families.hierarchical import normal_groups
from transjet.targets.families.lattice import free_field
from transjet.targets.families.regression import conjugate_regression
from transjet.targets.families.shell import shells
from transjet.targets.families.wells import product_of_wells

pytestmark = pytest.mark.usefixtures("x64")


def values(core: Core, points: np.ndarray) -> np.ndarray:
    return np.asarray(jax.vmap(core.log_density)(jnp.asarray(points)))


def plane(core: Core, half_width: float, count: int) -> tuple[float, np.ndarray, np.ndarray]:
    """Log of the integral, mean and covariance of a core in two dimensions, by a sum over a grid."""
    axis = np.linspace(-half_width, half_width, count)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    mass = np.exp(values(core, points)) * (axis[1] - axis[0]) ** 2
    mean = mass @ points / mass.sum()
    return float(np.log(mass.sum())), mean, (points - mean).T @ (mass[:, None] * (points - mean)) / mass.sum()


PLANES = {
    "bent": (bent_gaussian(np.array([0.6]), np.array([0.3])), 12.0),
    "chain": (coupled_wells(2, 1.5, 0.8), 3.0),
    "funnel": (funnel_of(2, 0.7, turns=False), 40.0),
    "shells": (shells(np.array([1.0, 2.0]), 0.15, np.array([0.3, 0.7]), np.array([1.5, 1.0])), 5.0),
    "wells": (product_of_wells(np.array([2.0]), np.array([0.2]), np.array([0.6])), 5.0),
}


@pytest.mark.parametrize("name", PLANES)
def test_log_z_and_moments_in_the_plane(name):
    core, half_width = PLANES[name]
    log_z, mean, covariance = plane(core, half_width, 401)
    assert abs(log_z - core.log_z) < 2e-4
    np.testing.assert_allclose(mean, core.mean, atol=2e-4)
    std = np.sqrt(np.diag(core.covariance)) if core.covariance is not None else core.std
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), std, rtol=1e-3)
    if core.covariance is not None:
        np.testing.assert_allclose(covariance, core.covariance, atol=2e-3)


@pytest.mark.parametrize("df", [None, 3])
def test_mixtures_against_scipy(df):
    rng = np.random.default_rng(0)
    means, bases = rng.normal(size=(3, 6)), np.stack([orthogonal(rng, 6) for _ in range(3)])
    scales, weights = np.stack([np.sqrt(variances(rng, 6, 1e3)) for _ in range(3)]), shares(rng, 3, 9.0)
    core = elliptical_mixture(means, bases, scales, weights, df, description="")
    x = rng.normal(size=(20, 6))
    matrices = [b @ np.diag(s**2) @ b.T for b, s in zip(bases, scales, strict=True)]
    kind = stats.multivariate_normal if df is None else stats.multivariate_t
    extra = {} if df is None else {"df": df}
    parts = np.stack(
        [np.log(w) + kind(m, c, **extra).logpdf(x) for w, m, c in zip(weights, means, matrices, strict=True)]
    )
    np.testing.assert_allclose(values(core, x), logsumexp(parts, axis=0), rtol=1e-10)
    np.testing.assert_allclose(core.membership(x), np.exp(parts - logsumexp(parts, axis=0)).T, rtol=1e-8)
    inside = (1.0 if df is None else df / (df - 2)) * np.einsum("k,kij->ij", weights, matrices)
    apart = means - weights @ means
    np.testing.assert_allclose(core.covariance, inside + apart.T @ (weights[:, None] * apart), rtol=1e-10)


def test_free_field_against_its_own_quadratic_form():
    core, unit = free_field((3, 4), 0.05), np.eye(12)
    alone = values(core, unit)
    precision = alone[:, None] + alone - values(core, (unit[:, None] + unit).reshape(-1, 12)).reshape(12, 12)
    np.testing.assert_allclose(core.covariance @ precision, np.eye(12), atol=1e-11)
    assert abs(core.log_z - 0.5 * (12 * math.log(2 * math.pi) - np.linalg.slogdet(precision)[1])) < 1e-10


def test_regression_against_its_joint_density():
    rng = np.random.default_rng(1)
    design, y, noise = rng.normal(size=(7, 4)), rng.normal(size=7), 0.6
    core = conjugate_regression(design, y, noise)
    b = rng.normal(size=(5, 4))
    joint = stats.norm(b @ design.T, noise).logpdf(y).sum(axis=1) + stats.norm.logpdf(b).sum(axis=1)
    np.testing.assert_allclose(values(core, b), joint, rtol=1e-12)
    posterior = stats.multivariate_normal(core.mean, core.covariance)
    np.testing.assert_allclose(joint - posterior.logpdf(b), core.log_z, rtol=1e-10)


Y, ERRORS = np.array([1.4, -0.7, 2.2]), np.array([0.5, 1.0, 2.0])


@pytest.mark.parametrize("centred", [True, False])
def test_groups_against_their_joint_density(centred):
    core = normal_groups(Y, ERRORS, centred=centred)
    rng = np.random.default_rng(2)
    mu, log_tau, plain = rng.normal(size=(6, 1)), rng.normal(size=(6, 1)), rng.normal(size=(6, 3))
    effects = mu + np.exp(log_tau) * plain
    joint = stats.norm(0, 3).logpdf(mu) + stats.norm(0, 1.5).logpdf(log_tau)
    joint = joint[:, 0] + stats.norm(effects, ERRORS).logpdf(Y).sum(axis=1)
    if centred:
        joint += stats.norm(mu, np.exp(log_tau)).logpdf(effects).sum(axis=1)
    else:
        joint += stats.norm.logpdf(plain).sum(axis=1)
    points = np.concatenate([mu, log_tau, effects if centred else plain], axis=1)
    np.testing.assert_allclose(values(core, points), joint, rtol=1e-12)


def test_groups_by_quadrature_over_mean_and_scale():
    mu, log_tau = np.linspace(-15, 15, 1201)[:, None], np.linspace(-12, 9, 1051)
    logs = stats.norm(0, 3).logpdf(mu) + stats.norm(0, 1.5).logpdf(log_tau)
    total = np.sqrt(ERRORS**2 + np.exp(2 * log_tau[:, None]))
    mass = np.exp(logs + sum(stats.norm(mu, total[:, k]).logpdf(Y[k]) for k in range(3))) * 0.025 * 0.02
    core = normal_groups(Y, ERRORS, centred=True)
    assert abs(core.log_z - np.log(mass.sum())) < 1e-8
    mass /= mass.sum()
    shrunk = (ERRORS[:2] ** 2 * mu[..., None] + np.exp(2 * log_tau[:, None]) * Y[:2]) / total[:, :2] ** 2
    mean = [np.sum(mass * mu), np.sum(mass * log_tau), *np.einsum("ab,abj->j", mass, shrunk)]
    np.testing.assert_allclose(core.mean[:4], mean, atol=1e-8)
    std = np.sqrt([np.sum(mass * (mu - mean[0]) ** 2), np.sum(mass * (log_tau - mean[1]) ** 2)])
    np.testing.assert_allclose(core.std[:2], std, rtol=1e-7)


def test_chain_of_three_by_adaptive_quadrature():
    barrier, coupling = 2.0, 0.7
    core = coupled_wells(3, barrier, coupling)

    def site(z: float) -> float:
        return math.exp(-barrier * (z * z - 1) ** 2)

    grid = np.linspace(-2.6, 2.6, 261)

    def side(z: float, power: int = 0) -> float:
        density = np.exp(-barrier * (grid**2 - 1) ** 2 - 0.5 * coupling * (grid - z) ** 2)
        return float(np.sum(grid**power * density)) * 0.02

    z = integrate.quad(lambda x: site(x) * side(x) ** 2, -2.6, 2.6, epsabs=1e-12)[0]
    middle = integrate.quad(lambda x: x * x * site(x) * side(x) ** 2, -2.6, 2.6, epsabs=1e-12)[0]
    end = integrate.quad(lambda x: site(x) * side(x) * side(x, 2), -2.6, 2.6, epsabs=1e-12)[0]
    assert abs(core.log_z - math.log(z)) < 1e-9
    np.testing.assert_allclose(core.std**2, np.array([end, middle, end]) / z, rtol=1e-9)


def test_shells_in_six_dimensions():
    """A shell of radius zero is a Gaussian; a thin one has nearly the area of the sphere times its width."""
    gaussian = shells(np.array([1e-12]), 0.3, np.ones(1), np.ones(6))
    x = 0.3 * np.random.default_rng(0).normal(size=(4, 6))
    np.testing.assert_allclose(values(gaussian, x), stats.norm(0, 0.3).logpdf(x).sum(axis=1), rtol=1e-9)
    np.testing.assert_allclose(np.diag(gaussian.covariance), 0.09, rtol=1e-9)
    thin = shells(np.array([2.0]), 1e-2, np.ones(1), np.full(6, 3.0))
    area = math.pi**3 * 2.0**5 * 3.0**6
    assert (
        abs(values(thin, np.full((1, 6), 6.0 / math.sqrt(6)))[0] + math.log(area * 1e-2 * math.sqrt(2 * math.pi)))
        < 1e-3
    )


def test_place_moves_scales_and_turns():
    rng = np.random.default_rng(3)
    turn, location = orthogonal(rng, 4), rng.normal(size=4)
    place, z = Place(location, 2.5, turn), rng.normal(size=(5, 4))
    x = location + 2.5 * z @ turn.T
    np.testing.assert_allclose(turn @ turn.T, np.eye(4), atol=1e-14)
    np.testing.assert_allclose(place.points_there(z), x, rtol=1e-12)
    np.testing.assert_allclose(place.points_back(x), z, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(place.there(jnp.asarray(z)), x, rtol=1e-12)
    np.testing.assert_allclose(place.back(jnp.asarray(x[0])), z[0], rtol=1e-10, atol=1e-12)


def test_spectra_and_weights_keep_their_promises():
    rng = np.random.default_rng(4)
    spectrum = variances(rng, 9, 1e4)
    assert spectrum.max() / spectrum.min() == pytest.approx(1e4) and spectrum.mean() == pytest.approx(1.0)
    weights = shares(rng, 12, 20.0)
    assert weights.sum() == pytest.approx(1.0) and weights.max() <= 20.0 * weights.min()
