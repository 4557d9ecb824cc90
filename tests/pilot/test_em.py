"""Mixtures fitted to points: what was planted is found, and what points cannot carry is given up."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.paths import MixturePrior
from transjet.pilot import em

KEY = jax.random.key(2)
WEIGHTS = np.array([0.25, 0.75])
MEANS = np.array([[-1.0, 1.5], [1.0, -0.5]])
ROOTS = np.array([[[0.3, 0.0], [0.1, 0.1]], [[0.2, 0.0], [-0.2, 0.4]]])
COVARIANCES = ROOTS @ ROOTS.transpose(0, 2, 1)
N = 4000
SIGMAS = 5.0


def planted(n: int = N, seed: int = 0, dof: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
    """Points of a mixture, (n, 2), and the component of each."""
    rng = np.random.default_rng(seed)
    k = rng.choice(2, n, p=WEIGHTS)
    scale = np.ones(n) if np.isinf(dof) else np.sqrt(dof / rng.chisquare(dof, n))
    return MEANS[k] + np.einsum("nij,nj->ni", ROOTS[k], scale[:, None] * rng.normal(size=(n, 2))), k


def clusters(counts: list[int], distance: float = 8.0, width: float = 0.2) -> Any:
    """So many points around each of some centres on a line."""
    rng = np.random.default_rng(1)
    centres = distance * np.repeat(np.arange(len(counts)), counts)[:, None] * [1.0, 0.5]
    return jnp.asarray(centres + width * rng.normal(size=centres.shape), jnp.float32)


def even(x: Any) -> Any:
    return jnp.ones(len(x), jnp.float32)


def fitted(x: Any, count: int, slots: int, dof: float = np.inf, **options: Any) -> MixturePrior:
    x = jnp.asarray(x, jnp.float32)
    return em.fit(KEY, x, even(x), count, dof, slots=slots, **options)


def alive(mixture: MixturePrior) -> np.ndarray:
    """Indices of components that have weight; all numbers are finite, and weights sum to one."""
    log_weights = np.asarray(mixture.log_weights, float)
    assert all(np.isfinite(a).all() for a in mixture[1:4]) and not np.isnan(log_weights).any()
    assert np.exp(log_weights).sum() == pytest.approx(1, abs=1e-5)
    return np.flatnonzero(log_weights > -np.inf)


def parameters(mixture: MixturePrior) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, means and covariances of components that have weight, by their first coordinate."""
    kept = alive(mixture)
    kept = kept[np.argsort(np.asarray(mixture.means)[kept, 0])]
    factors = np.asarray(mixture.factors, float)[kept]
    eye = np.broadcast_to(np.eye(factors.shape[1]), factors.shape)
    np.testing.assert_allclose(factors @ np.asarray(mixture.inverses, float)[kept], eye, atol=1e-3)
    weights, means = np.exp(np.asarray(mixture.log_weights, float)), np.asarray(mixture.means, float)
    return weights[kept], means[kept], factors @ factors.transpose(0, 2, 1)


def near_start() -> MixturePrior:
    """A mixture that is no fit yet."""
    factors = jnp.asarray(np.stack([0.5 * np.eye(2), 0.6 * np.eye(2)]), jnp.float32)
    means = jnp.array([[-0.8, 1.0], [0.9, 0.0]])
    return MixturePrior(jnp.log(jnp.array([0.5, 0.5])), means, factors, jnp.linalg.inv(factors), jnp.float32(jnp.inf))


@pytest.mark.parametrize("dof", [np.inf, 5.0])
def test_a_planted_mixture_is_found(dof: float) -> None:
    """Within standard errors; that of a t's scatter is sqrt((dof + d + 2) / (dof + d)) times a Gaussian's."""
    weights, means, covariances = parameters(fitted(planted(dof=dof)[0], 2, 2, dof))
    assert np.all(np.abs(weights - WEIGHTS) < SIGMAS * np.sqrt(WEIGHTS * (1 - WEIGHTS) / N))
    variances = np.diagonal(COVARIANCES, axis1=1, axis2=2)
    factor = 1.0 if np.isinf(dof) else 9 / 7
    each = N * WEIGHTS[:, None]
    assert np.all(np.abs(means - MEANS) < SIGMAS * np.sqrt(factor * variances / each))
    error = np.sqrt(factor * (COVARIANCES**2 + variances[:, :, None] * variances[:, None, :]) / each[:, :, None])
    assert np.all(np.abs(covariances - COVARIANCES) < SIGMAS * error)


@pytest.mark.parametrize("count", [1, 2])
def test_components_beyond_the_count_stay_without_weight(count: int) -> None:
    assert len(alive(fitted(planted(1000)[0], count, 6))) == count


def test_one_slot_is_enough_for_one_component() -> None:
    """Of which mean and covariance are those of the weighted points."""
    x, _ = planted(300)
    weights = np.random.default_rng(5).uniform(size=300)
    mixture = em.fit(KEY, jnp.asarray(x, jnp.float32), jnp.asarray(weights, jnp.float32), 1, jnp.inf, slots=1)
    _, means, covariances = parameters(mixture)
    np.testing.assert_allclose(means[0], np.average(x, axis=0, weights=weights), rtol=1e-4)
    np.testing.assert_allclose(covariances[0], np.cov(x.T, aweights=weights, ddof=0), rtol=1e-3)


def test_weights_count_as_repetitions() -> None:
    x, _ = planted(500)
    times = np.random.default_rng(3).integers(0, 4, 500)
    repeated = jnp.asarray(np.repeat(x, times, axis=0), jnp.float32)
    start = near_start()
    for tied in (False, True):
        weighted = em.refit(start, jnp.asarray(x, jnp.float32), jnp.asarray(7.0 * times, jnp.float32), tied)
        again = em.refit(start, repeated, even(repeated), tied)
        for a, b in zip(parameters(weighted), parameters(again), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("dof", [np.inf, 4.0])
@pytest.mark.parametrize("tied", [False, True])
def test_no_iteration_lowers_the_likelihood(dof: float, tied: bool) -> None:
    x = jnp.asarray(planted(1000, dof=4.0)[0], jnp.float32)
    start = near_start()._replace(dof=jnp.float32(dof))
    # Only from the second iteration on: components of the start have not one covariance.
    values = [em.held_out(em.refit(start, x, even(x), tied, iterations=i), x, even(x)) for i in (1, 2, 3, 5, 9, 20)]
    assert np.all(np.diff(values) > -1e-5)
    assert values[-1] > values[0] + 0.003


def test_tied_components_have_the_covariance_within_clusters() -> None:
    x, k = planted()
    mixture = fitted(x, 2, 3, tied=True)
    assert len(alive(mixture)) == 2
    _, means, covariances = parameters(mixture)
    within = sum((k == j).mean() * np.cov(x[k == j].T, ddof=0) for j in (0, 1))
    np.testing.assert_allclose(covariances[0], covariances[1], rtol=1e-5)
    np.testing.assert_allclose(covariances[0], within, rtol=0.1, atol=0.005)
    np.testing.assert_allclose(means, MEANS, atol=0.05)


@pytest.mark.parametrize(("few", "kept"), [(4, 1), (9, 2)])
def test_a_component_with_too_few_points_is_given_up(few: int, kept: int) -> None:
    """In two dimensions it needs six of them."""
    mixture = fitted(clusters([200, few]), 2, 2)
    weights, means, _ = parameters(mixture)
    assert len(weights) == kept
    if kept == 1:  # the points are still there
        np.testing.assert_allclose(means[0], clusters([200, few]).mean(axis=0), atol=1e-4)


def test_tied_components_need_eight_points_whatever_the_dimension() -> None:
    x = jnp.concatenate([clusters([100, 10]), 0.02 * jax.random.normal(KEY, (110, 8))], axis=1)
    assert [len(alive(fitted(x, 2, 2, tied=tied))) for tied in (False, True)] == [1, 2]
    assert len(alive(fitted(jnp.concatenate([x[:100], x[-6:]]), 2, 2, tied=True))) == 1


def test_weights_on_a_few_points_are_few_points() -> None:
    """Twenty points of which one has all the weight carry no component."""
    x = clusters([200, 20])
    weights = even(x).at[200:].set(1e-3).at[-1].set(20.0)
    assert len(alive(em.fit(KEY, x, weights, 2, jnp.inf, slots=2))) == 1
    assert len(alive(em.fit(KEY, x, even(x), 2, jnp.inf, slots=2))) == 2


@pytest.mark.parametrize("n", [1, 3, 30])
@pytest.mark.parametrize("tied", [False, True])
def test_one_component_is_left_whatever_the_points(n: int, tied: bool) -> None:
    """Fewer than coordinates, or the same one many times."""
    for x in (np.random.default_rng(0).normal(size=(n, 40)), np.full((n, 40), 3.0)):
        mixture = fitted(x, 4, 4, tied=tied)
        assert len(alive(mixture)) >= 1
        assert np.isfinite(mixture.log_density(jnp.asarray(x, jnp.float32))).all()


def test_points_that_coincide_make_no_nan() -> None:
    x = jnp.concatenate([jnp.repeat(clusters([4, 4]), 25, axis=0), jnp.zeros((60, 2))])
    for mixture in (fitted(x, 6, 8), em.selected(KEY, x, even(x), slots=8)):
        alive(mixture)
        assert np.isfinite(mixture.log_density(x)).all()
        assert np.isfinite(mixture.sample(KEY, 50)).all()


def test_other_coordinates_make_no_other_mixture() -> None:
    """But for the floor of covariances."""
    x, _ = planted(800)
    start, a, b = near_start(), np.array([[1.5, 0.0], [-0.7, 0.6]]), np.array([0.3, -2.0])
    there = start._replace(
        means=jnp.asarray(np.asarray(start.means) @ a.T + b, jnp.float32),
        factors=jnp.asarray(a @ np.asarray(start.factors), jnp.float32),
        inverses=jnp.asarray(np.asarray(start.inverses) @ np.linalg.inv(a), jnp.float32),
    )
    y = jnp.asarray(x @ a.T + b, jnp.float32)
    here, x = em.refit(start, jnp.asarray(x, jnp.float32), even(x)), jnp.asarray(x, jnp.float32)
    moved = em.refit(there, y, even(y))
    log_det = np.log(np.linalg.det(a))
    np.testing.assert_allclose(moved.log_density(y) + jnp.float32(log_det), here.log_density(x), atol=5e-3)


def test_held_out_is_the_weighted_mean_log_density() -> None:
    x, weights = jnp.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]), jnp.array([1.0, 0.0, 3.0])
    value = np.asarray(near_start().log_density(x), float)
    assert em.held_out(near_start(), x, weights) == pytest.approx(0.25 * value[0] + 0.75 * value[2], rel=1e-5)


def test_a_gaussian_is_one_component() -> None:
    for seed in (0, 1):
        x = jax.random.normal(jax.random.key(seed), (1500, 3))
        assert len(alive(em.selected(KEY, x, even(x), slots=16))) == 1


def test_clusters_are_several_components() -> None:
    """About as likely as the mixture that they are drawn from."""
    x, fresh = (np.random.default_rng(i).normal(size=(1500, 2)) * 0.2 for i in (1, 2))
    centres = 4.0 * np.random.default_rng(0).choice(4, (1500, 1)) * [1.0, -0.5]
    x, fresh = jnp.asarray(x + centres, jnp.float32), jnp.asarray(fresh + centres, jnp.float32)
    mixture = em.selected(KEY, x, even(x), slots=16)
    assert 4 <= len(alive(mixture)) <= 8
    entropy = 2 * (0.5 * np.log(2 * np.pi * np.e) + np.log(0.2)) + np.log(4)
    assert em.held_out(mixture, fresh, even(fresh)) > -entropy - 0.06


@pytest.mark.parametrize("shape", ["gaussian", "ring", "banana", "student"])
def test_the_selection_predicts_new_points_no_worse_than_one_gaussian(shape: str) -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(2400, 3))
    if shape == "ring":
        x[:, :2] *= 3 / np.linalg.norm(x[:, :2], axis=1)[:, None] * rng.normal(1, 0.05, (2400, 1))
    elif shape == "banana":
        x[:, 1] += x[:, 0] ** 2
    elif shape == "student":
        x *= np.sqrt(3 / rng.chisquare(3, (2400, 1)))
    x = jnp.asarray(x / x.std(axis=0), jnp.float32)
    train, test = x[:1200], x[1200:]
    several = em.selected(KEY, train, even(train), slots=8)
    one = em.fit(KEY, train, even(train), 1, jnp.inf, slots=8)
    gain = np.asarray(several.log_density(test) - one.log_density(test), float)
    assert gain.mean() > -0.01
    if shape != "gaussian":
        assert gain.mean() > 0.1


def test_the_fit_to_all_points_is_the_one_that_was_chosen() -> None:
    """Points far out attract centres: another draw of these would be another mixture, that nobody has tested."""
    rng = np.random.default_rng(5)
    x, fresh = (rng.normal(size=(1200, 3)) * np.sqrt(3 / rng.chisquare(3, (1200, 1))) / 1.7 for _ in range(2))
    x, fresh = jnp.asarray(x, jnp.float32), jnp.asarray(fresh, jnp.float32)
    mixture = em.selected(jax.random.key(5), x, even(x), slots=8)
    one = em.fit(KEY, x, even(x), 1, jnp.inf, slots=8)
    assert em.held_out(mixture, fresh, even(fresh)) > em.held_out(one, fresh, even(fresh)) + 0.3


def test_a_start_that_predicts_better_is_kept() -> None:
    """Here it has more components than fits from scratch may."""
    x = jnp.asarray(planted(1000)[0], jnp.float32)
    start = near_start()
    assert len(alive(em.selected(KEY, x, even(x), slots=1))) == 1
    assert len(alive(em.selected(KEY, x, even(x), slots=1, start=start))) == 2
    one = em.fit(KEY, x, even(x), 1, jnp.inf, slots=2)
    assert len(alive(em.selected(KEY, x, even(x), slots=2, start=one))) == 2


def test_the_selection_has_the_degrees_of_freedom_that_are_asked_for() -> None:
    x = jnp.asarray(planted(600, dof=3.0)[0], jnp.float32)
    student, gaussian = em.selected(KEY, x, even(x), slots=4, dof=3.0), em.selected(KEY, x, even(x), slots=4)
    assert float(student.dof) == 3.0 and np.isinf(gaussian.dof)
    assert em.held_out(student, x, even(x)) > em.held_out(gaussian, x, even(x))


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_room_changes_no_density(slots: int) -> None:
    x = jnp.asarray(planted(500)[0], jnp.float32)
    start = near_start()
    with_none = start._replace(log_weights=start.log_weights.at[0].set(-jnp.inf))
    assert len(em.with_room(start, slots).means) == max(slots, 2)
    assert len(em.with_room(with_none, slots).means) == slots
    for mixture in (start, with_none):
        np.testing.assert_allclose(em.with_room(mixture, slots).log_density(x), mixture.log_density(x), rtol=1e-5)


def test_a_small_program_selects_what_the_large_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    x = jnp.asarray(planted(2000)[0], jnp.float32)
    large = em.selected(KEY, x, even(x), slots=16)
    monkeypatch.setattr(em, "_LARGE_DIM", 1)
    small = em.selected(KEY, x, even(x), slots=16)
    assert len(large.means) == len(small.means) == 16
    assert em.held_out(small, x, even(x)) == pytest.approx(em.held_out(large, x, even(x)), abs=0.02)
    assert len(alive(small)) >= 2
