from __future__ import annotations

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from transjet import targets
from transjet.errors import ConfigError, DTypeError, ShapeError, TargetError
from transjet.targets import gaussian_mixture, gmm40


def grid(lower: np.ndarray, upper: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    axes = [np.linspace(a, b, count) for a, b in zip(lower, upper, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    return points, float(np.prod([axis[1] - axis[0] for axis in axes]))


def log_density(target: targets.Target, points: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(jax.jit(jax.vmap(target.log_density))(jnp.asarray(points)))


@pytest.mark.parametrize("name, margin, count", [("gmm-grid", 2.0, 301), ("gmm40-2", 5.0, 401)])
def test_log_z_moments_and_mode_shares_by_quadrature(name, margin, count):
    target = targets.get(name)
    points, cell = grid(target.box[0] - margin, target.box[1] + margin, count)
    mass = np.exp(log_density(target, points)) * cell
    assert abs(np.log(mass.sum()) - target.log_z) < 1e-9
    np.testing.assert_allclose(mass @ points, target.mean, atol=1e-7)
    np.testing.assert_allclose(np.sqrt(mass @ (points - target.mean) ** 2), target.std, rtol=1e-8)
    # Shares have jumps at the borders between modes, where the sum over cells is of first order only.
    shares = np.bincount(target.assign_modes(points), mass)
    np.testing.assert_allclose(shares, target.mode_weights, rtol=6e-3)


def test_grid_of_the_paper():
    target = targets.get("gmm-grid")
    assert sorted(map(tuple, target.modes)) == [(a, b) for a in (-5, 0, 5) for b in (-5, 0, 5)]
    np.testing.assert_allclose(target.std, 4.11906, atol=5e-6)
    assert target.mode_weights.tolist() == [1 / 9] * 9


def test_fifty_dimensions_against_scipy():
    target, rng = targets.get("gmm40-50"), np.random.default_rng(0)
    x = target.modes[rng.integers(40, size=31)] + rng.normal(size=(31, 50))
    parts = [stats.multivariate_normal(mean, np.eye(50)).logpdf(x) for mean in target.modes]
    np.testing.assert_allclose(log_density(target, x), logsumexp(parts, axis=0) - np.log(40), rtol=1e-12)


def test_unequal_weights_against_scipy():
    means, weights = np.array([[0.0], [1.5], [-4.0]]), np.array([0.2, 0.5, 0.3])
    target = gaussian_mixture(means, 0.49, weights)
    x = np.linspace(-6, 4, 57)
    parts = [np.log(w) + stats.norm(m[0], 0.7).logpdf(x) for m, w in zip(means, weights, strict=True)]
    np.testing.assert_allclose(log_density(target, x[:, None]), logsumexp(parts, axis=0), rtol=1e-12)
    draws = np.asarray(target.sample(jax.random.key(0), 20_001))[:, 0]

    def cdf(v: np.ndarray) -> np.ndarray:
        return sum(w * stats.norm(m[0], 0.7).cdf(v) for m, w in zip(means, weights, strict=True))

    assert stats.kstest(draws, cdf).pvalue > 1e-3


@pytest.mark.parametrize("name, variance", [("gmm-grid", 0.3), ("gmm40-50", 1.0)])
def test_samplers_around_their_centres_by_kolmogorov_smirnov(name, variance):
    target = targets.get(name)
    x = np.asarray(target.sample(jax.random.key(1), 10_001), dtype=np.float64)
    residuals = (x - target.modes[target.assign_modes(x)]) / np.sqrt(variance)
    assert min(stats.kstest(column, "norm").pvalue for column in residuals.T) > 1e-3 / target.dim
    assert abs((residuals**2).mean() - 1) < 4.5 * np.sqrt(2 / residuals.size)


def test_centres_of_the_literature_do_not_depend_on_settings():
    first = [[-15.7582283, 18.1165314], [-34.8088913, 21.225481], [-21.7651367, 19.8930168]]
    np.testing.assert_allclose(gmm40(2).modes[:3], first, rtol=1e-7)
    for settings in (jax.threefry_partitionable(True), jax.enable_x64(True), jax.default_prng_impl("rbg")):
        with settings:
            np.testing.assert_allclose(gmm40(2).modes[:3], first, rtol=1e-7)


def test_centres_can_be_drawn_inside_a_trace():
    @jax.jit
    def value(x: jax.Array) -> jax.Array:
        return gmm40(3).log_density(x)

    np.testing.assert_allclose(value(jnp.ones(3)), gmm40(3).log_density(jnp.ones(3)), rtol=1e-6)


@pytest.mark.parametrize("stem, equal", [("legacy", True), ("partitionable", False)])
def test_centres_against_the_data_set(stem, equal):
    folder = os.environ.get("TRANSJET_DATA")
    if not folder:
        pytest.skip("TRANSJET_DATA names no folder of data sets")
    centres = np.loadtxt(Path(folder) / "gmm40" / f"gmm40_means_jax_{stem}_prng.csv", delimiter=",")
    assert np.allclose(targets.get("gmm40-2").modes, centres, rtol=1e-7) == equal


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        (([],), ShapeError, "means"),
        (([1.0, 2.0],), ShapeError, "means"),
        ((np.zeros((3, 0)),), ShapeError, "at least one component"),
        (([[np.nan]],), TargetError, "means"),
        (([["a"]],), DTypeError, "means"),
        (([[0.0]], 0.0), ConfigError, "variance"),
        (([[0.0]], -1.0), ConfigError, "variance"),
        (([[0.0]], "1"), DTypeError, "variance"),
        (([[0.0], [1.0]], 1.0, [1.0]), ShapeError, "weights"),
        (([[0.0], [1.0]], 1.0, [0.7, 0.7]), TargetError, "sum to 1"),
        (([[0.0], [1.0]], 1.0, [1.5, -0.5]), TargetError, "positive"),
    ],
)
def test_malformed_mixtures(arguments, error, words):
    with pytest.raises(error, match=words):
        gaussian_mixture(*arguments)


@pytest.mark.parametrize("dim, error", [(0, ShapeError), (2.0, DTypeError), ("2", DTypeError)])
def test_malformed_gmm40(dim, error):
    with pytest.raises(error, match="dim"):
        gmm40(dim)
