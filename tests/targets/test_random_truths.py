"""What is said about random targets is true: log Z, moments, mode weights, float32."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet import targets
from transjet.targets import FAMILIES, Target

# Small dimensions, in which a density estimate comes close to the density; seeds with enough moments for errors of
# second ones (a funnel of 0.9, five or more degrees of freedom) and with components that overlap.
CASES = {name: f"random:{name}-{max(2, family.dims[0])}:1" for name, family in FAMILIES.items()}
CASES |= {"funnel": "random:funnel-2:32", "student": "random:student-2:28", "mixture": "random:mixture-2:4"}
SAMPLES, CENTRES = 8192, 1000
# All comparisons of this file together fail by chance once in 1,000 seeds.
SIGMAS = 4.5


@functools.cache
def draw(name: str) -> np.ndarray:
    sample = jax.jit(targets.get(CASES[name]).sample, static_argnums=1)
    return np.asarray(sample(jax.random.key(11), SAMPLES), np.float64)


@functools.cache
def evaluate(name: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Log density and gradient at the samples, computed in ``dtype``."""
    with jax.enable_x64(dtype == "float64"):
        function = jax.jit(jax.vmap(jax.value_and_grad(targets.get(CASES[name]).log_density)))
        return jax.device_get(function(jnp.asarray(draw(name), dtype)))


def z_scores(values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return (values.mean(axis=0) - truth) / (values.std(axis=0) / np.sqrt(len(values)))


def estimate(centres: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A normalised density at points: Gaussians at centres, half as wide as their third neighbour is away."""
    squares = ((centres[:, None] - centres) ** 2).sum(axis=2)
    width = 0.5 * np.sqrt(np.partition(squares, 3, axis=1)[:, 3])
    squares = (points**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2.0 * points @ centres.T
    dim = points.shape[1]
    return np.mean(np.exp(-0.5 * squares / width**2) / (np.sqrt(2.0 * np.pi) * width) ** dim, axis=1)


@functools.cache
def ratios(name: str) -> np.ndarray:
    """q / rho at samples of rho / Z, for a density q estimated from other samples, which lies where these are dense.

    Whatever q is, the mean is 1 / Z if the samples are those of rho / Z.
    """
    x, (values, _) = draw(name), evaluate(name, "float64")
    root = np.linalg.cholesky(np.cov(x[np.argsort(-values)[: SAMPLES // 2]].T))
    white = np.linalg.solve(root, x.T).T
    dense = values[:CENTRES] > np.quantile(values, 0.25)
    q = estimate(white[:CENTRES][dense], white[CENTRES:]) / np.prod(np.diag(root))
    return q * np.exp(targets.get(CASES[name]).log_z - values[CENTRES:])


@pytest.mark.parametrize("name", FAMILIES)
def test_log_z_by_a_density_estimate_of_exact_samples(name):
    got = ratios(name)
    error = got.std() / np.sqrt(len(got))
    assert error < 0.02
    assert abs(got.mean() - 1.0) < SIGMAS * error


@pytest.mark.parametrize("name", FAMILIES)
def test_a_wrong_log_z_would_be_seen(name):
    got = ratios(name)
    for wrong in (-0.2, 0.2):
        assert abs(np.exp(wrong) * got.mean() - 1.0) > SIGMAS * np.exp(wrong) * got.std() / np.sqrt(len(got))


@pytest.mark.parametrize("name", FAMILIES)
def test_sampler_has_the_moments(name):
    target, x = targets.get(CASES[name]), draw(name)
    assert np.abs(z_scores(x, target.mean)).max() < SIGMAS
    assert np.abs(z_scores((x - target.mean) ** 2, target.std**2)).max() < SIGMAS


@pytest.mark.parametrize("name", FAMILIES)
def test_sampler_and_density_fulfil_steins_identities(name):
    """E[grad log rho] = 0 and E[(x - mean) . grad log rho] = -d for samples of rho / Z."""
    target, x = targets.get(CASES[name]), draw(name)
    _, gradient = evaluate(name, "float64")
    assert np.abs(z_scores(gradient, np.zeros(target.dim))).max() < SIGMAS
    assert abs(z_scores(((x - target.mean) * gradient).sum(axis=1), np.array(-target.dim))) < SIGMAS


@pytest.mark.parametrize("name", FAMILIES)
def test_float32_is_as_accurate_as_rounding_of_the_point_allows(name):
    (single, slope), (double, gradient) = evaluate(name, "float32"), evaluate(name, "float64")
    x, target = draw(name), targets.get(CASES[name])
    assert single.dtype == slope.dtype == np.float32
    eps = np.finfo(np.float32).eps
    lengths = np.linalg.norm(gradient, axis=1) * (np.linalg.norm(x, axis=1) + np.linalg.norm(target.mean))
    assert np.max(np.abs(single - double) / (lengths + np.abs(double) + abs(target.log_z) + target.dim)) < 4 * eps
    assert np.median(np.abs(slope - gradient)) < 1e-4 * np.median(np.abs(gradient))


@pytest.mark.parametrize("name", [name for name in FAMILIES if targets.get(CASES[name]).mode_weights is not None])
def test_modes_hold_their_weights_of_the_samples(name):
    target, x = targets.get(CASES[name]), draw(name)
    belongs = target.memberships(x)
    if belongs is None:
        belongs = np.eye(len(target.modes))[target.assign_modes(x)]
    if len(target.modes) > 1:
        assert np.abs(z_scores(belongs, target.mode_weights)).max() < SIGMAS
    np.testing.assert_allclose(belongs.sum(axis=1), 1.0, rtol=1e-12)


def test_components_that_overlap_have_weights_that_no_border_gives():
    """Shares nearest to the centres of this mixture are far from its weights, and memberships are not."""
    target, x = targets.get(CASES["mixture"]), draw("mixture")
    nearest = ((x[:, None] - target.modes) ** 2).sum(axis=2).argmin(axis=1)
    shares = np.bincount(nearest, minlength=len(target.modes)) / len(x)
    error = np.sqrt(target.mode_weights / len(x))
    assert (np.abs(shares - target.mode_weights) / error).max() > 6


def test_modes_of_wells_lie_at_maxima_and_on_their_own_side():
    target: Target = targets.get("random:wells-4:2")
    with jax.enable_x64(True):
        gradients = np.asarray(jax.vmap(jax.grad(target.log_density))(jnp.asarray(target.modes)))
    assert np.abs(gradients).max() * target.std.max() < 1e-7
    assert target.assign_modes(target.modes).tolist() == list(range(len(target.modes)))
