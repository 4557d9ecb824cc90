"""The base of a flow: what a pilot finds out about targets of which everything is known."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet import targets
from transjet.errors import TargetError
from transjet.paths import GaussianPrior
from transjet.pilot import Base, Effort, Frame, build_base
from transjet.pilot.base import _search, seen_from

SMALL = Effort(population=1000, particles=1000, climbers=64, rounds=1, components=8)
FEW = Effort(population=1000, particles=1000, climbers=0, rounds=3, components=2)
FUNNEL = "random:funnel-5:538143"
NAMES = ("random:gaussian-3:5", "random:mixture-3:5", FUNNEL)
# A wide mode at the origin and a small one far away from it.
FAR, WIDTH, SHARE = 6.0, 0.3, 0.3


def small_and_far(x: Any) -> Any:
    """Normalised: log Z = 0."""
    d = x.shape[0]
    centre = jnp.zeros(d, x.dtype).at[0].set(FAR)
    wide = -0.5 * jnp.sum(x * x) + jnp.log(jnp.asarray(1 - SHARE, x.dtype))
    small = -0.5 * jnp.sum((x - centre) ** 2) / WIDTH**2 + jnp.asarray(np.log(SHARE) - d * np.log(WIDTH), x.dtype)
    return jnp.logaddexp(wide, small) - jnp.asarray(0.5 * d * np.log(2 * np.pi), x.dtype)


@functools.cache
def base(name: str, effort: Effort | None = None, seed: int = 0) -> Base:
    target, effort = targets.get(name), effort or (FEW if name == FUNNEL else SMALL)
    return build_base(target.log_density, GaussianPrior(target.dim, target.prior_std), jax.random.key(seed), effort)


def points(found: Base, n: int = 200) -> Any:
    return found.prior.sample(jax.random.key(9), n)


@pytest.mark.parametrize("name", NAMES)
def test_log_z_is_that_of_the_target(name: str) -> None:
    found = base(name)
    assert abs(found.log_z - targets.get(name).log_z) < 5 * np.sqrt((1 / found.ess - 1) / SMALL.particles) + 0.01
    assert 0.5 < found.ess <= 1
    assert abs(found.figures["log_z_population"] - targets.get(name).log_z) < 0.6


@pytest.mark.parametrize("name", NAMES)
def test_the_target_is_white_in_the_bases_coordinates(name: str) -> None:
    target, found = targets.get(name), base(name)
    y = np.asarray(found.chart.inward(target.sample(jax.random.key(3), 4000)), float)
    error = 5 * np.sqrt(3 / SMALL.particles)  # moves leave particles with fewer than one independent draw each
    assert np.all(np.abs(y.mean(axis=0)) < error)
    assert np.all(np.abs(np.cov(y.T) - np.eye(target.dim)) < 2 * error)


@pytest.mark.parametrize("name", NAMES)
def test_the_mixture_is_about_the_target(name: str) -> None:
    """Weights of exact samples, log(rho / (Z q)), say so without the pilot's own draws.

    Where a funnel is narrow it had hardly any: one sample in a hundred may be unlikely there.
    """
    target, found = targets.get(name), base(name)
    exact = target.sample(jax.random.key(3), 2000)
    y = jnp.asarray(found.chart.inward(exact), jnp.float32)
    log_w = np.asarray(jax.vmap(found.whitened(target.log_density))(y) - found.prior.log_density(y), float)
    usual = np.sort(log_w)[: len(log_w) - (20 if name == FUNNEL else 0)]
    assert 1 / np.mean(np.exp(usual)) > 0.45
    assert np.isfinite(found.prior.log_weights).all() and found.figures["components"] == len(found.prior.log_weights)
    assert np.exp(np.asarray(found.prior.log_weights, float)).sum() == pytest.approx(1, abs=1e-5)
    assert float(found.prior.dof) == found.figures["dof"]
    eye = np.broadcast_to(np.eye(target.dim), found.prior.factors.shape)
    np.testing.assert_allclose(found.prior.factors @ found.prior.inverses, eye, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_coordinates_lead_there_and_back(name: str) -> None:
    found = base(name)
    y, chart = points(found), found.chart
    x, log_det = chart.outward_with_log_det(y)
    back, same_log_det = chart.inward_with_log_det(x)
    np.testing.assert_allclose(back, y, atol=2e-3)
    np.testing.assert_allclose(same_log_det, log_det, atol=2e-3)
    assert found.figures["bends"] == chart.bends == (name == FUNNEL)
    if not chart.bends:
        (shift,), (factor,) = chart.shifts, chart.factors
        np.testing.assert_allclose(x[:2], np.asarray(y[:2], float) @ factor.T + shift, rtol=1e-4)
        assert np.all(np.triu(factor, 1) == 0) and np.all(np.diagonal(factor) > 0)
        np.testing.assert_allclose(log_det, np.linalg.slogdet(factor)[1], rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_whitened_density_is_that_of_other_coordinates(name: str) -> None:
    """Its mean over the base's draws, divided by the base's density, is 1."""
    target, found = targets.get(name), base(name)
    y = points(found, 2000)
    white = np.asarray(jax.vmap(found.whitened(target.log_density))(y), float)
    x, log_det = found.chart.outward_with_log_det(y)
    expected = np.asarray(jax.vmap(target.log_density)(x) + log_det, float) - found.log_z
    np.testing.assert_allclose(white, expected, rtol=1e-3, atol=2e-2)
    weights = np.exp(white - np.asarray(found.prior.log_density(y), float))
    assert abs(weights.mean() - 1) < 5 * weights.std() * np.sqrt(1 / 2000 + 1 / SMALL.particles)


@pytest.mark.parametrize(("name", "candidates"), [(NAMES[0], 4), (NAMES[1], 5), (FUNNEL, 2)])
def test_evaluations_are_those_of_all_parts(name: str, candidates: int) -> None:
    """A population, climbs, first of three times 21, particles around new peaks, and rounds of draws and moves."""
    found, n, moves, effort = base(name), 1000, 10, FEW if name == FUNNEL else SMALL
    population = n * (1 + int(found.figures["temperatures"]) * (moves + 2))
    peaks = int(found.figures.get("modes_added", 0))
    climbers = 3 * (effort.climbers // 3) + int(found.figures.get("search_waves", 0)) * 2 * effort.climbers
    search = climbers * (effort.climb + 1) + peaks * 64 * (20 + 1)
    later = sum(figure.startswith("ess_round_") for figure in found.figures) - 1
    rounds = n * (candidates * 3 + moves + 1) + n * later * (3 + moves + 1)
    assert found.evaluations == population + search + rounds


def test_evaluations_are_counted() -> None:
    """As many as the log density sees."""
    seen: list[int] = []

    def counted(x: Any) -> Any:
        jax.debug.callback(lambda _: seen.append(1), x[0])
        return -0.5 * jnp.sum((x - 1) ** 2)

    effort = Effort(population=40, particles=40, climbers=9, rounds=1, components=2, climb=5, moves=2)
    found = build_base(counted, GaussianPrior(1), jax.random.key(0), effort)
    jax.effects_barrier()
    assert len(seen) == found.evaluations


def test_moves_of_an_effort() -> None:
    assert [Effort().proposals(dim) for dim in (1, 20, 50)] == [10, 10, 25]
    assert Effort(moves=3).proposals(50) == 3


def test_a_key_decides() -> None:
    name, effort = NAMES[0], Effort(population=200, particles=200, climbers=9, rounds=0, components=2, climb=5)
    target = targets.get(name)
    prior = GaussianPrior(3, target.prior_std)
    first, again, other = (build_base(target.log_density, prior, jax.random.key(i), effort) for i in (4, 4, 5))
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert first.log_z != other.log_z


@functools.cache
def far(climbers: int, seed: int) -> Base:
    effort = Effort(population=1000, particles=1000, climbers=climbers, rounds=1, components=8)
    return build_base(small_and_far, GaussianPrior(5, 2.0), jax.random.key(seed), effort)


def small_share(found: Base) -> float:
    """Of the mixture's draws, how many are near the small mode."""
    x = np.asarray(found.chart.outward(points(found, 2000)))
    return float(np.mean(np.linalg.norm(x - FAR * np.eye(5)[0], axis=1) < 6 * WIDTH))


def test_climbers_find_a_mode_that_the_population_loses() -> None:
    lost, found = far(0, 1), far(1536, 1)
    assert small_share(lost) < 0.01 and "modes_added" not in lost.figures
    assert lost.log_z == pytest.approx(np.log(1 - SHARE), abs=0.1)
    assert small_share(found) == pytest.approx(SHARE, abs=0.1)
    assert abs(found.log_z) < 5 * np.sqrt((1 / found.ess - 1) / 1000)


def test_peaks_lead_to_others() -> None:
    """20 modes in 10 dimensions, of which the first climbers find a few: starts between and beyond these find more."""
    target = targets.get("random:mixture-10:605847")
    prior, key = GaussianPrior(10, target.prior_std), jax.random.key(4)
    x = target.sample(jax.random.key(3), 500)
    starts = prior.sample(key, 1500)
    once, often = (_search(target.log_density, key, x, starts, prior, Effort(waves=n)) for n in (0, 4))

    def found(search: Any) -> int:
        away = np.linalg.norm(np.asarray(search.peaks.means)[:, None] - target.modes, axis=2)
        return len(np.unique(np.argmin(away, axis=1)[away.min(axis=1) < 0.1 * target.prior_std]))

    assert once.waves == 0 and often.waves >= 2
    assert found(often) >= found(once) + 4


def test_a_population_is_better_than_a_mixture_of_which_no_draw_counts() -> None:
    """Twenty double wells have a million modes."""
    effort = replace(SMALL, climbers=0, rounds=0, components=2)
    found = build_base(lambda x: -jnp.sum((x**2 - 4) ** 2), GaussianPrior(20, 2.0), jax.random.key(0), effort)
    assert len(found.prior.means) == 1 and found.ess * effort.particles <= 20
    assert found.log_z == found.figures["log_z_population"]
    x = np.asarray(found.chart.outward(points(found, 4000)))
    assert np.abs(np.sqrt((x**2).mean()) - 2) < 0.1, "the spread over both wells"


def test_a_mixture_seen_from_other_coordinates_has_the_same_mass_everywhere() -> None:
    rng = np.random.default_rng(0)
    frame = Frame(np.array([1.0, -2.0]), np.array([[2.0, 0.0], [-1.0, 0.5]]))
    prior = base(NAMES[0]).prior._replace(
        log_weights=jnp.zeros(1), means=jnp.ones((1, 2)), factors=jnp.eye(2)[None], inverses=jnp.eye(2)[None]
    )
    y = jnp.asarray(rng.normal(size=(20, 2)), jnp.float32)
    there = prior.log_density(jnp.asarray(frame.outward(np.asarray(y, float)), jnp.float32))
    np.testing.assert_allclose(seen_from(frame, prior).log_density(y), there + jnp.float32(frame.log_det), rtol=1e-4)


def test_a_density_that_is_nowhere_finite_is_refused() -> None:
    with pytest.raises(TargetError, match="pilot: expected a log density that is finite near the prior"):
        build_base(lambda x: -jnp.inf * jnp.ones((), x.dtype), GaussianPrior(2), jax.random.key(0), SMALL)


def test_bends_make_a_funnel_about_gaussian() -> None:
    bent, affine = base(FUNNEL), base(FUNNEL, replace(FEW, bends=0))
    assert bent.ess > 0.85 and bent.chart.bends == 1
    assert affine.ess < 0.45 and affine.chart.bends == 0
