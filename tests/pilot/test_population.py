"""Particles that come from a wide Gaussian into the target by temperatures."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import TargetError
from transjet.paths import GaussianPrior
from transjet.pilot import Population, tempered_population

SEEDS, N = 3, 1000
# Variances from 1 to 1e-3 along directions of no axis, away from the prior's centre.
BASIS = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
COVARIANCE = BASIS @ np.diag([1.0, 0.05, 0.001]) @ BASIS.T
MEAN = np.array([1.0, -0.5, 0.7])
CONSTANT = 3.0
# Two modes in the plane; the narrow one has the most mass.
CENTRES, WIDTHS, WEIGHTS = np.array([[-2.0, 0.0], [2.0, 1.0]]), np.array([0.6, 0.2]), np.array([0.3, 0.7])


def stretched(x: Any) -> Any:
    """A Gaussian of condition number 1e3 with log Z = 3."""
    away, precision = x - jnp.asarray(MEAN, x.dtype), jnp.asarray(np.linalg.inv(COVARIANCE), x.dtype)
    constant = CONSTANT - 0.5 * np.linalg.slogdet(2 * np.pi * COVARIANCE)[1]
    return jnp.asarray(constant, x.dtype) - 0.5 * away @ precision @ away


def two_modes(x: Any) -> Any:
    """Normalised: log Z = 0."""
    square = jnp.sum(((x - jnp.asarray(CENTRES, x.dtype)) / jnp.asarray(WIDTHS, x.dtype)[:, None]) ** 2, axis=1)
    return jax.nn.logsumexp(jnp.asarray(np.log(WEIGHTS / (2 * np.pi * WIDTHS**2)), x.dtype) - 0.5 * square)


def normal(x: Any) -> Any:
    return -0.5 * jnp.sum(x * x)


@functools.cache
def populations(density: Any, dim: int, std: float) -> list[Population]:
    prior = GaussianPrior(dim, std)
    return [tempered_population(density, prior, jax.random.key(i), particles=N, moves=10) for i in range(SEEDS)]


def test_a_stretched_gaussian() -> None:
    """Errors of one run are those of 10 runs with other keys."""
    runs = populations(stretched, 3, 3.0)
    values = np.array([run.log_z for run in runs])
    assert np.all(np.abs(values - CONSTANT) < 5 * 0.065)
    assert abs(values.mean() - CONSTANT) < 4 * 0.065 / np.sqrt(SEEDS)
    root = np.linalg.cholesky(COVARIANCE)
    for run in runs:
        z = np.linalg.solve(root, (np.asarray(run.x, float) - MEAN).T).T
        assert np.all(np.abs(z.mean(axis=0)) < 5 * 0.04)
        assert np.all(np.abs(np.cov(z.T) - np.eye(3)) < 5 * 0.05)


def test_two_modes_keep_their_shares() -> None:
    runs = populations(two_modes, 2, 3.0)
    shares = np.array([np.mean(np.asarray(run.x)[:, 0] < 0) for run in runs])
    values = np.array([run.log_z for run in runs])
    assert np.all(np.abs(shares - 0.3) < 5 * 0.02) and abs(shares.mean() - 0.3) < 4 * 0.02 / np.sqrt(SEEDS)
    assert np.all(np.abs(values) < 5 * 0.07) and abs(values.mean()) < 4 * 0.07 / np.sqrt(SEEDS)
    x = np.concatenate([np.asarray(run.x, float) for run in runs])
    for k, inside in enumerate((x[:, 0] < 0, x[:, 0] >= 0)):
        error = WIDTHS[k] / np.sqrt(inside.sum())
        assert np.all(np.abs(x[inside].mean(axis=0) - CENTRES[k]) < 6 * error)
        assert np.all(np.abs(x[inside].std(axis=0) - WIDTHS[k]) < 6 * error)


@pytest.mark.parametrize(("density", "dim"), [(stretched, 3), (two_modes, 2)])
def test_temperatures_rise_to_one(density: Any, dim: int) -> None:
    for run in populations(density, dim, 3.0):
        temperatures = np.array(run.temperatures)
        assert temperatures[0] > 0 and np.all(np.diff(temperatures) > 0) and run.temperatures[-1] == 1.0
        assert 3 <= len(temperatures) == len(run.acceptance) < 30
        assert np.all((np.array(run.acceptance) > 0.3) & (np.array(run.acceptance) < 0.9))
        assert run.evaluations == N * (1 + len(temperatures) * (10 + 2))


def test_the_trail_comes_from_every_temperature() -> None:
    """From the prior's particles to those at the target; no more of them than asked for."""
    run = populations(stretched, 3, 3.0)[0]
    levels = len(run.temperatures) + 1
    assert run.x.shape == (N, 3) and run.trail.shape == (levels * (512 // levels), 3)
    away = np.asarray(run.trail, float).reshape(levels, -1, 3) - MEAN
    square = np.median(np.einsum("lni,ij,lnj->ln", away, np.linalg.inv(COVARIANCE), away), axis=1)
    assert square[0] > 1000 and square[-1] < 4 and np.all(square[1:] < 0.95 * square[:-1])


def test_a_key_decides() -> None:
    options = {"particles": 64, "moves": 3, "slots": 2}
    first, again, other = (
        tempered_population(normal, GaussianPrior(2, 2.0), jax.random.key(i), **options) for i in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.x, again.x)
    assert first.log_z == again.log_z != other.log_z


def test_evaluations_are_counted() -> None:
    """As many as the log density sees."""
    seen: list[int] = []

    def counted(x: Any) -> Any:
        jax.debug.callback(lambda _: seen.append(1), x[0])
        return -200 * jnp.sum((x - 1) ** 2)

    run = tempered_population(counted, GaussianPrior(1), jax.random.key(0), particles=16, moves=3, slots=1)
    jax.effects_barrier()
    assert len(run.temperatures) > 1
    assert len(seen) == run.evaluations


def test_the_target_that_is_the_prior_takes_one_step() -> None:
    prior = GaussianPrior(2, 1.5)
    run = tempered_population(lambda x: prior.log_density(x) + 2.0, prior, jax.random.key(0), particles=100, moves=2)
    assert run.temperatures == (1.0,) and run.log_z == pytest.approx(2.0, abs=1e-5)


def test_a_density_that_is_finite_in_few_places() -> None:
    """A box that one in 25 particles of the prior lies in; beyond it the density is zero or undefined."""
    inside = lambda x: (jnp.abs(x) < 0.5).all()  # noqa: E731
    for outside in (-jnp.inf, jnp.nan):
        density = lambda x, outside=outside: jnp.where(inside(x), 0.0 * x[0], outside)  # noqa: E731
        run = tempered_population(density, GaussianPrior(2, 2.0), jax.random.key(1), particles=N, moves=10)
        assert abs(run.log_z) < 5 * np.sqrt(25 / N)
        x = np.asarray(run.x, float)
        assert np.abs(x).max() < 0.5 and run.temperatures[-1] == 1.0
        np.testing.assert_allclose(x.std(axis=0), np.sqrt(1 / 12), rtol=0.15)


@pytest.mark.parametrize("value", [-jnp.inf, jnp.inf, jnp.nan])
def test_a_density_that_is_nowhere_finite_is_refused(value: float) -> None:
    message = "pilot: expected a log density that is finite near the prior; it is at 0 of 50 particles at temperature 0"
    with pytest.raises(TargetError, match=message):
        tempered_population(
            lambda x: jnp.where(x[0] < 1e9, value, 0.0), GaussianPrior(2), jax.random.key(0), particles=50, moves=2
        )
