"""Climbers find maxima of densities, and tell which of them are the same."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.pilot import Peaks, afforded, climb, distinct

RNG = np.random.default_rng(0)
D = 4
STARTS = jnp.asarray(RNG.normal(size=(64, D)), jnp.float32)
# Variances from 1e-3 to 1, along other directions in each of two peaks.
SPREAD = np.array([1.0, 0.1, 0.01, 0.001])
BASES = [np.linalg.qr(RNG.normal(size=(D, D)))[0] for _ in range(2)]
COVARIANCES = 0.2 * np.stack([b @ np.diag(SPREAD) @ b.T for b in BASES])
MEANS = np.array([[1.5, 0.0, 1.0, 0.0], [-1.5, 0.5, -0.5, 0.0]])
WEIGHTS = np.array([0.8, 0.2])


def two_gaussians(x: Any) -> Any:
    precisions, means = (jnp.asarray(a, x.dtype) for a in (np.linalg.inv(COVARIANCES), MEANS))
    away = x - means
    constant = np.log(WEIGHTS) - 0.5 * np.linalg.slogdet(COVARIANCES)[1]
    return jax.nn.logsumexp(jnp.asarray(constant, x.dtype) - 0.5 * jnp.einsum("ki,kij,kj->k", away, precisions, away))


def peaks(x: Any, value: Any, covariance: Any = None, left: Any = 0.0) -> Peaks:
    x, value = np.atleast_2d(np.asarray(x, float)), np.asarray(value, float)
    covariance = np.broadcast_to(np.eye(x.shape[1]) if covariance is None else covariance, (*x.shape, x.shape[1]))
    return Peaks(x, value, covariance, np.broadcast_to(left, value.shape))  # type: ignore[arg-type]


def test_maxima_of_narrow_gaussians_are_found() -> None:
    """Where the climb stops, less than a hundredth of a nat is missing."""
    found = climb(two_gaussians, STARTS, 80)
    assert np.isfinite(found.value).all()
    chosen = distinct(found, 10)
    assert len(chosen) == 2
    for index, mean, covariance in zip(chosen, MEANS, COVARIANCES, strict=True):
        away = np.linalg.solve(np.linalg.cholesky(covariance), np.asarray(found.x[index], float) - mean)
        assert away @ away < 0.02
        ratios = np.linalg.eigvals(np.linalg.solve(covariance, np.asarray(found.covariance[index], float))).real
        assert 0.5 < ratios.min() and ratios.max() < 2.0


def test_most_climbers_arrive() -> None:
    found = climb(two_gaussians, STARTS, 80)
    away = np.asarray(found.x, float)[:, None] - MEANS
    square = np.einsum("nki,kij,nkj->nk", away, np.linalg.inv(COVARIANCES), away)
    assert np.mean(square.min(axis=1) < 0.1) > 0.9
    assert {0, 1} == set(square.argmin(axis=1).tolist())
    assert np.all(np.asarray(found.value) >= np.asarray(jax.vmap(two_gaussians)(STARTS)))


def test_what_is_left_tells_who_has_not_arrived() -> None:
    early, late = (climb(two_gaussians, STARTS, n) for n in (3, 80))
    assert np.median(early.left) > 1 > 0.1 > np.median(late.left)
    assert len(distinct(early, 64)) < 8


def test_each_iteration_evaluates_once() -> None:
    seen: list[int] = []

    def counted(x: Any) -> Any:
        jax.debug.callback(lambda _: seen.append(1), x[0])
        return -jnp.sum(x * x)

    jax.block_until_ready(climb(counted, STARTS[:3], 5))
    jax.effects_barrier()
    assert len(seen) == 3 * (5 + 1)


def test_no_iterations_stay_at_the_starts() -> None:
    found = climb(two_gaussians, STARTS[:4], 0)
    np.testing.assert_array_equal(found.x, STARTS[:4])
    np.testing.assert_allclose(found.covariance, np.broadcast_to(np.eye(D), (4, D, D)), atol=1e-5)


def test_climbers_keep_out_of_where_the_density_is_not_finite() -> None:
    """The maximum is next to a cliff; those who start beyond stay there, and are no peaks."""

    def cliff(x: Any) -> Any:
        inside = jnp.where(x[0] > -0.1, -0.5 * jnp.sum(x * x) / 0.01, -jnp.inf)
        return jnp.where(x[1] > 1.0, jnp.nan, inside)

    found = climb(cliff, STARTS, 60)
    inside = np.asarray((STARTS[:, 0] > -0.1) & (STARTS[:, 1] <= 1.0))
    assert 10 < inside.sum() < 54
    np.testing.assert_array_equal(np.isfinite(found.value), inside)
    np.testing.assert_array_equal(np.asarray(found.x)[~inside], np.asarray(STARTS)[~inside])
    assert np.all(np.abs(np.asarray(found.x)[inside]) < 0.1)
    assert len(distinct(found, 64)) == 1
    assert len(distinct(found._replace(value=jnp.full(64, -jnp.inf)), 64)) == 0


def test_no_climber_enters_where_the_density_is_infinite() -> None:
    """The way up leads to a wall before the maximum."""
    walled = lambda x: jnp.where(x[0] > 0.5, jnp.inf, -jnp.sum((x - 1) ** 2))  # noqa: E731
    starts = STARTS[STARTS[:, 0] < 0.5]
    found = climb(walled, starts, 30)
    assert np.isfinite(found.value).all() and np.asarray(found.x)[:, 0].max() <= 0.5


def test_a_flat_tail_is_no_reason_to_go_far() -> None:
    """Where there is nothing to climb, climbers stay, with numbers that are finite."""
    flat = lambda x: jnp.logaddexp(-0.5 * jnp.sum(x * x) / 0.01, jnp.asarray(-20.0, x.dtype))  # noqa: E731
    far = jnp.concatenate([STARTS[:8] * 0.1, STARTS[8:16] + 50.0])
    found = climb(flat, far, 60)
    assert all(np.isfinite(a).all() for a in found)
    assert np.all(np.linalg.norm(np.asarray(found.x[8:]) - np.asarray(far[8:]), axis=1) < 1e-3)
    assert np.all(np.linalg.norm(np.asarray(found.x[:8]), axis=1) < 0.02)
    assert distinct(found, 64)[0] < 8


def test_climbers_come_in_from_heavy_tails() -> None:
    student = lambda x: -4.0 * jnp.log1p(jnp.sum(x * x) / 4)  # noqa: E731
    found = climb(student, 3 * STARTS, 80)
    assert np.all(np.linalg.norm(np.asarray(found.x), axis=1) < 0.2)
    assert len(distinct(found, 64)) == 1


def test_covariances_are_positive_definite_after_any_climb() -> None:
    saddle = lambda x: x[0] ** 2 - jnp.sum(x[1:] ** 2) - 0.1 * x[0] ** 4  # noqa: E731
    for iterations in (1, 7, 60):
        covariance = np.asarray(climb(saddle, STARTS, iterations).covariance, float)
        np.testing.assert_allclose(covariance, covariance.transpose(0, 2, 1), rtol=1e-5, atol=1e-6)
        assert np.linalg.eigvalsh(covariance).min() > 0


def test_two_maxima_of_one_quartic_are_found() -> None:
    saddle = lambda x: x[0] ** 2 - jnp.sum(x[1:] ** 2) - 0.1 * x[0] ** 4  # noqa: E731
    found = climb(saddle, STARTS, 60)
    chosen = np.asarray(found.x)[distinct(found, 64)]
    np.testing.assert_allclose(sorted(chosen[:, 0]), [-np.sqrt(5), np.sqrt(5)], atol=0.02)
    np.testing.assert_allclose(chosen[:, 1:], 0, atol=0.02)


@pytest.mark.parametrize(("distance", "number"), [(0.0, 1), (1.9, 1), (2.1, 2), (9.0, 2)])
def test_peaks_within_two_standard_deviations_are_one(distance: float, number: int) -> None:
    """By the covariance of the one with more mass, here three times as wide along the way."""
    pair = peaks([[0.0, 0.0], [3 * distance, 0.0]], [1.0, 0.0], np.diag([9.0, 0.01]))
    chosen = distinct(pair, 5)
    assert len(chosen) == number and chosen[0] == 0


def test_peaks_come_by_their_mass() -> None:
    """A lower one that is wider comes first; those that have not arrived, or have no value, never."""
    wide = np.stack([np.eye(2), 100 * np.eye(2), np.eye(2), np.eye(2), np.eye(2)])
    values, left = [3.0, 0.0, 9.0, np.nan, 2.0], [0.0, 0.1, 0.6, 0.0, 0.0]
    several = peaks(100 * np.arange(10.0).reshape(5, 2), values, wide, left)
    assert distinct(several, 9).tolist() == [1, 0, 4]
    assert distinct(several, 2).tolist() == [1, 0]
    assert distinct(several, 0).tolist() == []


def test_climbers_are_fewer_where_their_matrices_are_large():
    assert (afforded(1536, 10), afforded(1536, 50)) == (1536, 1536)
    assert afforded(1536, 1000) == 40 and afforded(1536, 100_000) == 2
