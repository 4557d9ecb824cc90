"""Langevin moves with metrics that change from place to place leave the density as it is."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from transjet.paths import MixturePrior
from transjet.pilot.moves import Moved, moved

KEY = jax.random.key(8)
N = 8000
SIGMAS = 4.5
WEIGHTS = np.array([0.3, 0.7])
CENTRES, WIDTHS = np.array([-1.5, 1.0]), np.array([0.4, 0.8])


def metric(means: Any, roots: Any) -> MixturePrior:
    """Components of equal weight; their inverses are exact, their places and sizes what the test wants."""
    means, roots = np.asarray(means, float), np.asarray(roots, float)
    arrays = np.full(len(means), -np.log(len(means))), means, roots, np.linalg.inv(roots), np.inf
    return MixturePrior(*(jnp.asarray(a, jnp.float32) for a in arrays))


def pointwise(log_density: Any) -> Any:
    return jax.vmap(jax.value_and_grad(log_density))


def normal(x: Any) -> Any:
    return -0.5 * jnp.sum(x * x)


def two_peaks(x: Any) -> Any:
    """First coordinate: two Gaussians; second: N(0, 1) around half the first."""
    parts = jnp.log(jnp.asarray(WEIGHTS / WIDTHS, x.dtype)) - 0.5 * ((x[0] - CENTRES) / WIDTHS) ** 2
    return jax.nn.logsumexp(parts) - 0.5 * (x[1] - x[0] / 2) ** 2


def exact(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    k = rng.choice(2, n, p=WEIGHTS)
    first = CENTRES[k] + WIDTHS[k] * rng.normal(size=n)
    return np.column_stack([first, first / 2 + rng.normal(size=n)])


def run(density: Any, x: Any, mixture: MixturePrior, step: float, moves: int, seed: int = 0) -> Moved:
    x = jnp.asarray(x, jnp.float32)
    call = jax.jit(partial(moved, density=pointwise(density), moves=moves))
    return call(jax.random.fold_in(KEY, seed), x=x, metric=mixture, step=jnp.float32(step))


# Next to each other and very different, across the bulk of the target: long and narrow, and neither fits.
WRONG = metric([[-0.6, 0.3], [0.9, -0.4]], [[[0.3, 0.0], [0.5, 0.2]], [[1.6, 0.0], [-1.0, 1.2]]])


def test_a_wrong_metric_leaves_the_target_as_it_is() -> None:
    """A metric that differs between here and there, uncorrected, would shift mass between the two."""
    start = exact(N)
    end = run(two_peaks, start, WRONG, 0.3, 60)
    x = np.asarray(end.x, float)
    near = np.asarray(WRONG.assigned(jnp.asarray(start, jnp.float32)))
    assert 0.05 < near.mean() < 0.95 and 0.3 < end.acceptance < 0.8
    assert np.mean(np.all(x == start.astype(np.float32), axis=1)) < 0.02
    law = lambda v: sum(w * stats.norm(c, s).cdf(v) for w, c, s in zip(WEIGHTS, CENTRES, WIDTHS, strict=True))  # noqa: E731
    assert stats.kstest(x[:, 0], law).pvalue > 1e-4
    assert stats.kstest(x[:, 1] - x[:, 0] / 2, stats.norm().cdf).pvalue > 1e-4
    for values, truth in (
        (x[:, 0] > 0, exact(400_000, 1)[:, 0] > 0),
        (x[:, 0] * x[:, 1], np.prod(exact(400_000, 1), 1)),
    ):
        assert abs(values.mean() - truth.mean()) < SIGMAS * truth.std() * np.sqrt(1 / N + 1 / len(truth))


def test_nothing_moves_between_the_metrics_on_balance() -> None:
    """Two halves of a line, in which steps differ by a factor of eight."""
    mixture = metric([[-0.5], [0.5]], [[[2.0]], [[0.25]]])
    x = np.asarray(run(normal, np.random.default_rng(0).normal(size=(N, 1)), mixture, 0.3, 60).x[:, 0], float)
    assert stats.kstest(x, stats.norm().cdf).pvalue > 1e-4
    for values in (x, x**2 - 1, np.sign(x), x**3):
        assert abs(values.mean()) < SIGMAS * values.std() / np.sqrt(N)


def test_moves_find_the_target_from_elsewhere() -> None:
    mixture = metric([[0.0, 0.0]], [[[1.0, 0.0], [0.5, 1.0]]])
    x = np.asarray(run(two_peaks, 0.1 * exact(2000) + 1.0, mixture, 0.3, 80).x, float)
    truth = exact(400_000, 1)
    assert np.all(np.abs(x.mean(axis=0) - truth.mean(axis=0)) < SIGMAS * truth.std(axis=0) / np.sqrt(len(x)))
    assert abs(np.mean(x[:, 0] < -0.5) - np.mean(truth[:, 0] < -0.5)) < SIGMAS * 0.5 / np.sqrt(len(x))


@pytest.mark.parametrize("step", [1e-3, 30.0])
def test_the_step_follows_the_acceptance(step: float) -> None:
    mixture, start = metric([[0.0] * 5], [np.eye(5)]), jax.random.normal(KEY, (1000, 5))
    end = run(normal, start, mixture, step, 60)
    again = run(normal, end.x, mixture, float(end.step), 60, 1)
    assert abs(float(again.acceptance) - 0.574) < 0.02
    assert float(again.step) == pytest.approx(float(end.step), rel=0.2)


def test_steps_are_in_units_of_the_metric() -> None:
    """The step that fits a scaled target is the same."""
    scales = np.array([1.0, 0.01, 30.0])
    mixture, start = metric([[0.0] * 3], [np.diag(scales)]), np.random.default_rng(0).normal(size=(1000, 3))
    plain = run(normal, start, metric([[0.0] * 3], [np.eye(3)]), 0.3, 40)
    other = run(lambda x: normal(x / jnp.asarray(scales, x.dtype)), start * scales, mixture, 0.3, 40)
    assert float(other.step) == pytest.approx(float(plain.step), rel=0.1)
    np.testing.assert_allclose(np.asarray(other.x).std(axis=0), scales, rtol=SIGMAS / np.sqrt(2000))


def test_no_particle_enters_where_the_density_is_not_finite() -> None:
    """Zero on one side, undefined on another, and infinite beyond."""

    def fenced(x: Any) -> Any:
        inside = jnp.where(x[0] > 0, normal(x), -jnp.inf)
        return jnp.where(x[1] > 1, jnp.nan, jnp.where(x[1] < -1.5, jnp.inf, inside))

    rng = np.random.default_rng(0)
    start = np.column_stack([np.abs(rng.normal(size=4000)), stats.truncnorm(-1.5, 1).rvs(4000, random_state=rng)])
    end = run(fenced, start, metric([[0.5, 0.0], [2.0, 0.0]], [np.eye(2), 0.4 * np.eye(2)]), 0.3, 40)
    x = np.asarray(end.x, float)
    assert np.isfinite(x).all() and x[:, 0].min() > 0 and x[:, 1].max() <= 1 and x[:, 1].min() >= -1.5
    assert stats.kstest(x[:, 0], stats.halfnorm().cdf).pvalue > 1e-4
    assert stats.kstest(x[:, 1], stats.truncnorm(-1.5, 1).cdf).pvalue > 1e-4


@pytest.mark.parametrize("outside", [-jnp.inf, jnp.nan])
def test_particles_without_density_find_in(outside: float) -> None:
    density = lambda x: jnp.where(x[0] > 0, normal(x), outside)  # noqa: E731
    start = np.random.default_rng(0).normal(size=(1000, 2)) * [0.5, 1.0]
    end = run(density, start, metric([[0.0, 0.0]], [np.eye(2)]), 0.3, 40)
    assert (start[:, 0] < 0).mean() > 0.4
    assert (np.asarray(end.x)[:, 0] < 0).mean() < 0.02
    assert np.asarray(end.x)[start[:, 0] > 0, 0].min() > 0


def test_evaluations_are_one_a_move_and_one_at_the_start() -> None:
    seen: list[int] = []

    def counted(x: Any) -> Any:
        jax.debug.callback(lambda y: seen.append(len(y)), x)
        return jax.vmap(jax.value_and_grad(normal))(x)

    end = moved(KEY, counted, jnp.zeros((6, 2)), metric([[0.0, 0.0]], [np.eye(2)]), jnp.float32(0.1), 7)
    jax.block_until_ready(end)
    jax.effects_barrier()
    assert seen == [6] * 8
    assert 0 < end.acceptance <= 1
