"""The base of a flow: coordinates in which the target is about white, and a mixture that is about the target."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from transjet.collocation.resample import relative_ess, systematic, tempered
from transjet.paths import GaussianPrior, MixturePrior
from transjet.pilot import em
from transjet.pilot.modes import afforded, climb, distinct
from transjet.pilot.moves import moved
from transjet.pilot.population import tempered_population

Array = jax.Array
LogDensity = Callable[[Array], Array]
_KEPT_ESS = 0.1  # weights are tempered until this share of the draws counts
_THERMALISED = 20  # moves of particles around a new mode
_DOF = (math.inf, 8.0, 3.0)
_TAILS = 0.7  # in log ESS, what Student's t must gain: particles in its tails make the residual large
_ERRORS = 3.0  # standard errors below an estimate of log Z that count for it
_MASS = 20.0  # how much more a loss of log Z counts than one of log ESS: a flow mends weights, but finds no mode


@dataclass(frozen=True)
class Effort:
    """What a pilot may spend.

    Attributes:
        population: particles of the tempered population.
        particles: draws of a round.
        moves: Langevin proposals at each temperature, and in each round; 0: half as many as coordinates, at least 10.
        components: most components of the mixture.
        rounds: of drawing from the mixture, weighting, moving and fitting it again.
        widen: factor on the prior's standard deviation for the population's start.
        climbers: starts of the search for modes, a third each from the population's trail, from the prior and from
            where the population started; 0: no search.
        climb: iterations of that search.
    """

    population: int = 2000
    particles: int = 4000
    moves: int = 0
    components: int = 32
    rounds: int = 3
    widen: float = 2.0
    climbers: int = 1536
    climb: int = 60

    def proposals(self, dim: int) -> int:
        """Langevin proposals in so many dimensions."""
        return self.moves or max(10, dim // 2)


class Frame(NamedTuple):
    """Coordinates y with x = s + L y.

    Attributes:
        shift: s, (d,).
        factor: L, lower triangular, (d, d).
    """

    shift: np.ndarray
    factor: np.ndarray

    @staticmethod
    def plain(dim: int, dtype: Any = np.float64) -> Frame:
        """x itself."""
        return Frame(np.zeros(dim, dtype), np.eye(dim, dtype=dtype))

    @property
    def log_det(self) -> float:
        """log |det L|."""
        return float(np.sum(np.log(np.diagonal(self.factor))))

    def outward(self, y: Any) -> Any:
        """x of y, (n, d)."""
        return y @ self.factor.T + self.shift

    def inward(self, x: Any) -> Array:
        """y of x, (n, d)."""
        factor = jnp.asarray(self.factor, x.dtype)
        y: Array = jax.scipy.linalg.solve_triangular(factor, (x - self.shift).astype(x.dtype).T, lower=True).T
        return y

    def whitened(self, log_density: LogDensity, log_z: float = 0.0) -> LogDensity:
        """log rho as a density in y, minus log_z."""
        shift, factor, constant = self.shift, self.factor, self.log_det - log_z

        def white(y: Array) -> Array:
            x = jnp.asarray(shift, y.dtype) + jnp.asarray(factor, y.dtype) @ y
            return log_density(x) + jnp.asarray(constant, y.dtype)

        return white


class Base(NamedTuple):
    """Where a flow starts from.

    Attributes:
        shift: s, (d,).
        factor: L, lower triangular, (d, d): x = s + L y has coordinates y in which the target is about white.
        prior: mixture in coordinates y.
        log_z: estimate of log Z by importance sampling from the mixture.
        ess: normalised effective sample size of that.
        figures: more of the pilot, for reports.
        evaluations: of the log density with its gradient.
        points: particles at about the target, in coordinates y, (n, d).
    """

    shift: np.ndarray
    factor: np.ndarray
    prior: MixturePrior
    log_z: float
    ess: float
    figures: dict[str, float]
    evaluations: int
    points: np.ndarray

    @property
    def frame(self) -> Frame:
        """The coordinates."""
        return Frame(self.shift, self.factor)

    def whitened(self, log_density: LogDensity) -> LogDensity:
        """log rho as a density in coordinates of the flow, minus the estimate of log Z."""
        return self.frame.whitened(log_density, self.log_z)


def build_base(log_density: LogDensity, prior: GaussianPrior, key: Array, effort: Effort | None = None) -> Base:
    """Find the target: a tempered population, a search for modes that it lost, and a mixture fitted to both.

    The mixture is drawn from, weighted, moved and fitted again for some rounds; the one with the best score stays.

    Args:
        log_density: log rho of one point (d,).
        prior: roughly where the target is.
        key: JAX random key.
        effort: what it may take; None: `Effort()`.

    Returns:
        Base.

    Raises:
        TargetError: the log density is finite hardly anywhere near the prior.
    """
    effort = Effort() if effort is None else effort
    keys = jax.random.split(key, 4)
    wide = GaussianPrior(prior.dim, effort.widen * prior.std)
    population = tempered_population(
        log_density, wide, keys[0], particles=effort.population, moves=effort.proposals(prior.dim)
    )
    x, spent = population.x, population.evaluations
    figures: dict[str, float] = {"log_z_population": population.log_z, "temperatures": len(population.temperatures)}
    peaks: MixturePrior | None = None
    if effort.climbers:
        third = max(1, afforded(effort.climbers, prior.dim) // 3)
        key_prior, key_wide, key_search = jax.random.split(keys[1], 3)
        trail = population.trail[:: max(1, len(population.trail) // third)]
        drawn = trail[:third], prior.sample(key_prior, third), wide.sample(key_wide, third)
        search = _search(log_density, key_search, x, jnp.concatenate(drawn), effort)
        x, spent, figures["modes_added"] = jnp.concatenate([x, search.found]), spent + search.evaluations, search.added
        peaks = search.peaks
    frame = Frame(*whitening(np.asarray(x, float)))
    white, y = frame.whitened(log_density), frame.inward(x)
    even = jnp.ones(len(y), y.dtype)
    mixtures = [em.selected(keys[2], y, even, slots=effort.components)]
    if peaks is not None:
        start = seen_from(frame, peaks)
        mixtures += [start, em.refit(start, y, even, False), em.refit(start, y, even, True)]
    best, rounds, evaluations = _improved(white, keys[3], mixtures, effort)
    figures |= {f"ess_round_{i}": value for i, value in enumerate(rounds)}
    return _recentred(frame, best, figures, spent + evaluations)


class _Round(NamedTuple):
    """A mixture, how good it is, and particles that were drawn from it, weighted and moved."""

    mixture: MixturePrior
    score: float
    ess: float
    log_z: float
    y: Array


def _improved(
    white: LogDensity, key: Array, mixtures: list[MixturePrior], effort: Effort
) -> tuple[_Round, list[float], int]:
    """The best mixture of some rounds, the ESS of each, and evaluations."""
    n, density = effort.particles, jax.vmap(jax.value_and_grad(white))

    @jax.jit
    def weigh(key: Array, mixture: MixturePrior) -> tuple[Array, ...]:
        y = mixture.sample(key, n)
        log_w = jax.vmap(white)(y) - mixture.log_density(y)
        log_w = jnp.where(jnp.isfinite(log_w), log_w, -jnp.inf)
        top = jnp.max(log_w)
        return y, log_w, relative_ess(log_w), top + jnp.log(jnp.mean(jnp.exp(log_w - top)))

    @jax.jit
    def move(key: Array, y: Array, log_w: Array, mixture: MixturePrior) -> Array:
        keys = jax.random.split(key)
        y = y[systematic(keys[0], tempered(log_w, _KEPT_ESS), n)]
        return moved(
            keys[1],
            density,
            y,
            mixture,
            jnp.asarray(0.3 / y.shape[1] ** (1 / 3), y.dtype),
            effort.proposals(y.shape[1]),
        ).x

    best: _Round | None = None
    values, spent = [], 0
    before: Array | None = None
    for index in range(effort.rounds + 1):
        keys = jax.random.split(jax.random.fold_in(key, index), 3)
        drawn = []
        for mixture, dof in itertools.product(mixtures, _DOF):
            candidate = mixture._replace(dof=jnp.asarray(dof, mixture.means.dtype))
            y, log_w, ess, log_z = weigh(keys[0], candidate)
            error = jnp.sqrt(1 / ess - 1) / math.sqrt(n)
            score = float(jnp.log(ess) + _MASS * (log_z - _ERRORS * error)) - (_TAILS if math.isfinite(dof) else 0.0)
            drawn.append((score if math.isfinite(score) else -math.inf, candidate, y, log_w, float(ess), float(log_z)))
        score, candidate, y, log_w, ess, log_z = max(drawn, key=lambda d: d[0])
        spent += n * (len(mixtures) * len(_DOF) + effort.proposals(y.shape[1]) + 1)
        y = move(keys[1], y, log_w, candidate)
        values.append(ess)
        if best is None or score > best.score:
            best = _Round(candidate, score, ess, log_z, y)
        if index < effort.rounds:
            # Points of two rounds: a fit to few of them would be too narrow.
            y, before = jnp.concatenate([y, y if before is None else before]), y
            even, dof = jnp.ones(len(y), y.dtype), float(candidate.dof)
            mixtures = [em.selected(keys[2], y, even, slots=effort.components, start=candidate, dof=dof)]
    assert best is not None
    return best, values, spent


def whitening(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (d,) and a lower triangular root (d, d) of the covariance of points (n, d)."""
    shift, d = x.mean(axis=0), x.shape[1]
    scale = x.std(axis=0) + 1e-30
    correlation = np.atleast_2d(np.cov(((x - shift) / scale).T)) + 1e-6 * np.eye(d)
    return shift, scale[:, None] * np.linalg.cholesky(correlation)


def seen_from(frame: Frame, mixture: MixturePrior) -> MixturePrior:
    """A mixture of x as one of y."""
    inverse, dtype = np.linalg.inv(frame.factor), mixture.means.dtype
    return mixture._replace(
        means=jnp.asarray((np.asarray(mixture.means, float) - frame.shift) @ inverse.T, dtype),
        factors=jnp.asarray(inverse @ np.asarray(mixture.factors, float), dtype),
        inverses=jnp.asarray(np.asarray(mixture.inverses, float) @ frame.factor, dtype),
    )


def _recentred(frame: Frame, best: _Round, figures: dict[str, float], evaluations: int) -> Base:
    """Coordinates in which the final particles are white, and the mixture there."""
    y = np.asarray(best.y, float)
    inner = Frame(*whitening(y))
    prior = seen_from(inner, best.mixture)
    alive = np.isfinite(np.asarray(prior.log_weights))
    prior = jax.tree.map(lambda a: a[alive] if a.ndim else a, prior)
    figures = figures | {"components": float(alive.sum()), "dof": float(prior.dof)}
    shift, factor = frame.shift + frame.factor @ inner.shift, frame.factor @ inner.factor
    points = (y - inner.shift) @ np.linalg.inv(inner.factor).T
    return Base(shift, factor, prior, best.log_z, best.ess, figures, evaluations, points)


class _Search(NamedTuple):
    """Particles around modes that the population has left, all peaks as a mixture of x, what was added and spent."""

    found: Array
    peaks: MixturePrior | None
    added: int
    evaluations: int


def _search(log_density: LogDensity, key: Array, x: Array, starts: Array, effort: Effort) -> _Search:
    """Climb from all starts, and put particles around peaks where it has few."""
    d, dtype = x.shape[1], x.dtype
    frame = Frame(*whitening(np.asarray(x, float)))
    white = frame.whitened(log_density)
    starts = frame.inward(starts)
    peaks = climb(white, starts, effort.climb)
    spent = len(starts) * (effort.climb + 1)
    different = distinct(peaks, 2 * effort.components)
    if not len(different):
        return _Search(x[:0], None, 0, spent)
    y = np.asarray(frame.inward(x), float)
    new = [i for i in different if _is_thin(y, peaks, i)]
    whole = seen_from(_inverse(frame), _around(peaks, different[: effort.components]))
    if not new:
        return _Search(x[:0], whole, 0, spent)
    end, moves = _thermalised(jax.vmap(jax.value_and_grad(white)), key, _around(peaks, new), max(64, 4 * (d + 1)))
    return _Search(jnp.asarray(frame.outward(end), dtype), whole, len(new), spent + moves)


def _inverse(frame: Frame) -> Frame:
    """The coordinates x as seen from y."""
    inverse = np.linalg.inv(frame.factor)
    return Frame(-inverse @ frame.shift, inverse)


def _around(peaks: Any, indices: Any) -> MixturePrior:
    """Gaussians at peaks, with their masses by Laplace's approximation."""
    covariance, dtype = np.asarray(peaks.covariance, float)[np.asarray(indices)], peaks.x.dtype
    factors = np.linalg.cholesky(covariance)
    log_mass = np.asarray(peaks.value, float)[np.asarray(indices)] + 0.5 * np.linalg.slogdet(covariance)[1]
    log_mass = log_mass - np.logaddexp.reduce(log_mass)
    arrays = log_mass, np.asarray(peaks.x)[np.asarray(indices)], factors, np.linalg.inv(factors), np.inf
    return MixturePrior(*(jnp.asarray(a, dtype) for a in arrays))


def _thermalised(density: Any, key: Array, around: MixturePrior, each: int) -> tuple[Array, int]:
    """Particles that have moved about each peak for a while, the finite ones, and evaluations."""
    key_start, key_move = jax.random.split(key)
    count, d = around.means.shape
    noise = 0.5 * jax.random.normal(key_start, (count * each, d), around.means.dtype)
    start = jnp.repeat(around.means, each, axis=0)
    start = start + jnp.einsum("nij,nj->ni", jnp.repeat(around.factors, each, axis=0), noise)
    step = jnp.asarray(0.3 / d ** (1 / 3), start.dtype)
    metric = around._replace(log_weights=jnp.full_like(around.log_weights, -math.log(count)))
    end = jax.jit(partial(moved, density=density, moves=_THERMALISED))(key_move, x=start, metric=metric, step=step).x
    return end[jnp.isfinite(end).all(axis=1)], len(start) * (_THERMALISED + 1)


def _is_thin(y: np.ndarray, peaks: Any, index: int) -> bool:
    """Whether fewer particles lie around a peak than a component of a mixture takes."""
    d = y.shape[1]
    inverse = np.linalg.inv(np.asarray(peaks.covariance[index], float))
    away = y - np.asarray(peaks.x[index], float)
    near = np.einsum("ni,ij,nj->n", away, inverse, away) < (math.sqrt(d) + 3.0) ** 2
    return bool(near.sum() < 2 * (d + 1))
