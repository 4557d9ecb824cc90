"""The base of a flow: coordinates in which the target is about white, and a mixture that is about the target."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from transjet.collocation.resample import relative_ess, systematic, tempered
from transjet.paths import GaussianPrior, MixturePrior
from transjet.pilot import em
from transjet.pilot.bends import bent
from transjet.pilot.chart import Chart, Frame, LogDensity
from transjet.pilot.modes import afforded, beyond, climb, distinct
from transjet.pilot.moves import moved
from transjet.pilot.population import tempered_population

Array = jax.Array
_KEPT_ESS = 0.1  # weights are tempered until this share of the draws counts
_THERMALISED = 20  # moves of particles around a new mode
_DOF = (math.inf, 8.0, 3.0)
_TAILS = 0.7  # in log ESS, what Student's t must gain: particles in its tails make the residual large
_ERRORS = 3.0  # standard errors below an estimate of log Z that count for it
_FEW, _CROWDED = 8, 3.0  # components that bends should leave; in log ESS, what more of them must gain
_ENOUGH = 0.9  # ESS from which on a round is the last
_PATIENCE = 3  # rounds without a better one
_BEND = 2  # rounds in which bends are looked for again: particles of a better mixture may show them
_STRAIGHT = 3  # rounds of a mixture in affine coordinates, which hardly gains any more then
_WIDEST = 4.0  # of priors from which modes are looked for again
_EFFECTIVE, _HOPELESS = 20.0, 1e4  # draws that count, and below that what is taken off a score
_MASS = 20.0  # how much more a loss of log Z counts than one of log ESS: a flow mends weights, but finds no mode


@dataclass(frozen=True)
class Effort:
    """What a pilot may spend.

    Attributes:
        population: particles of the tempered population.
        particles: draws of a round.
        moves: Langevin proposals at each temperature, and in each round; 0: half as many as coordinates, at least 10.
        components: most components of the mixture.
        rounds: most rounds of drawing from the mixture, weighting, moving and fitting it again.
        widen: factor on the prior's standard deviation for the population's start.
        climbers: starts of the search for modes, a third each from the population's trail, from the prior and from
            where the population started; 0: no search.
        climb: iterations of that search.
        waves: most further searches, with twice as many climbers each, where there is more than one peak, and while
            the one before has found more.
        bends: most bent layers of the flow's coordinates; 0: they are affine.
    """

    population: int = 2000
    particles: int = 4000
    moves: int = 0
    components: int = 32
    rounds: int = 6
    widen: float = 2.0
    climbers: int = 1536
    climb: int = 60
    waves: int = 8
    bends: int = 8

    def proposals(self, dim: int) -> int:
        """Langevin proposals in so many dimensions."""
        return self.moves or max(10, dim // 2)


class Base(NamedTuple):
    """Where a flow starts from.

    Attributes:
        chart: coordinates w of the flow, in which the target is about white.
        prior: mixture in coordinates w.
        log_z: estimate of log Z by importance sampling from the mixture; the population's where hardly a draw counts.
        ess: normalised effective sample size of draws from the best mixture.
        figures: more of the pilot, for reports.
        evaluations: of the log density with its gradient.
    """

    chart: Chart
    prior: MixturePrior
    log_z: float
    ess: float
    figures: dict[str, float]
    evaluations: int

    def whitened(self, log_density: LogDensity) -> LogDensity:
        """log rho as a density in coordinates of the flow, minus the estimate of log Z."""
        return self.chart.whitened(log_density, self.log_z)


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
        search = _search(log_density, key_search, x, jnp.concatenate(drawn), prior, effort)
        x, spent = jnp.concatenate([x, search.found]), spent + search.evaluations
        figures |= {"modes_added": search.added, "search_waves": search.waves}
        peaks = search.peaks
    frame = Frame.of(np.asarray(x, float))
    y, even = _for_fits(np.asarray(frame.inward(x)), effort)
    candidates = [_Candidate(Chart.affine(frame), em.selected(keys[2], y, even, slots=effort.components))]
    if peaks is not None:
        start = seen_from(frame, em.with_room(peaks, effort.components))
        for mixture in (start, em.refit(start, y, even, False), em.refit(start, y, even, True)):
            candidates.append(candidates[0]._replace(mixture=mixture))
    chart, w = bent(np.asarray(x, float), effort.bends)
    if chart.bends:
        candidates.append(_Candidate(chart, em.selected(keys[2], *_for_fits(w, effort), slots=effort.components)))
    best, rounds, evaluations = _improved(log_density, keys[3], candidates, effort)
    if not effort.particles * best.ess > _EFFECTIVE:  # no mixture is near: particles that were tempered know more
        best = _of_population(best, population.x, population.log_z)
    figures |= {f"ess_round_{i}": value for i, value in enumerate(rounds)}
    return _recentred(best, figures, spent + evaluations)


def _of_population(best: _Round, x: Array, log_z: float) -> _Round:
    """One Gaussian with the moments of the population, in place of a mixture of which hardly a draw counts."""
    frame, d, dtype = Frame.of(np.asarray(x, float)), x.shape[1], x.dtype
    zero, eye = jnp.zeros((1, d), dtype), jnp.eye(d, dtype=dtype)[None]
    mixture = MixturePrior(zero[:, 0], zero, eye, eye, jnp.asarray(math.inf, dtype))
    return best._replace(chart=Chart.affine(frame), mixture=mixture, log_z=log_z, w=frame.inward(x), x=x)


def _for_fits(x: np.ndarray, effort: Effort) -> tuple[Array, Array]:
    """Points (n, d) and their weights, 1; others of weight 0 up to the number of two rounds: one program fits all."""
    more = max(0, 2 * effort.particles - len(x))
    weights = np.concatenate([np.ones(len(x)), np.zeros(more)])
    return jnp.asarray(np.pad(x, ((0, more), (0, 0))), jnp.float32), jnp.asarray(weights, jnp.float32)


class _Candidate(NamedTuple):
    """A mixture in coordinates of a chart."""

    chart: Chart
    mixture: MixturePrior


class _Round(NamedTuple):
    """A candidate, how good it is, and particles drawn from it and weighted, and then moved: w, and x of these."""

    score: float
    chart: Chart
    mixture: MixturePrior
    ess: float
    log_z: float
    log_w: Array
    w: Array
    x: Array


def _improved(
    log_density: LogDensity, key: Array, candidates: list[_Candidate], effort: Effort
) -> tuple[_Round, list[float], int]:
    """The best candidate of some rounds, the ESS of each, and evaluations."""
    n = effort.particles

    @jax.jit
    def weigh(key: Array, mixture: MixturePrior, chart: Chart) -> tuple[Array, ...]:
        w = mixture.sample(key, n)
        log_w = jax.vmap(chart.whitened(log_density))(w) - mixture.log_density(w)
        log_w = jnp.where(jnp.isfinite(log_w), log_w, -jnp.inf)
        top = jnp.max(log_w)
        return w, log_w, relative_ess(log_w), top + jnp.log(jnp.mean(jnp.exp(log_w - top)))

    @jax.jit
    def move(key: Array, w: Array, log_w: Array, mixture: MixturePrior, chart: Chart) -> tuple[Array, Array]:
        keys, d = jax.random.split(key), w.shape[1]
        w = w[systematic(keys[0], tempered(log_w, _KEPT_ESS), n)]
        density = jax.vmap(jax.value_and_grad(chart.whitened(log_density)))
        step = jnp.asarray(0.3 / d ** (1 / 3), w.dtype)
        w = moved(keys[1], density, w, mixture, step, effort.proposals(d)).x
        return w, chart.outward(w)

    def tried(key: Array, candidate: _Candidate, dof: float) -> _Round:
        mixture = candidate.mixture._replace(dof=jnp.asarray(dof, candidate.mixture.means.dtype))
        w, log_w, ess, log_z = weigh(key, mixture, same(candidate.chart))
        error = jnp.sqrt(1 / ess - 1) / math.sqrt(n)
        score = float(jnp.log(ess) + _MASS * (log_z - _ERRORS * error)) - (_TAILS if math.isfinite(dof) else 0.0)
        score -= _CROWDED if candidate.chart.bends and not _simple(mixture) else 0.0
        if not n * ess > _EFFECTIVE:  # log Z is that of single draws then
            score = float(jnp.log(ess)) - _HOPELESS if ess > 0 else -math.inf
        return _Round(score, candidate.chart, mixture, float(ess), float(log_z), log_w, w, w)

    def same(chart: Chart) -> Chart:  # one shape, and so one program, for all charts
        return chart.padded(layers).astype(candidates[0].mixture.means.dtype)

    layers, affine = effort.bends + 1, candidates[0].chart
    best: _Round | None = None
    values: list[float] = []
    spent, index_best, before = 0, 0, None
    for index in range(effort.rounds + 1):
        keys = jax.random.split(jax.random.fold_in(key, index), 3)
        drawn = [tried(keys[0], candidate, dof) for candidate, dof in itertools.product(candidates, _DOF)]
        now = max(drawn, key=lambda r: r.score)
        spent += n * (len(drawn) + effort.proposals(now.w.shape[1]) + 1)
        w, x = move(keys[1], now.w, now.log_w, now.mixture, same(now.chart))
        now = now._replace(w=w, x=x)
        values.append(now.ess)
        if best is None or now.score > best.score:
            best, index_best = now, index
        if now.ess > _ENOUGH or index >= index_best + _PATIENCE or (index >= _STRAIGHT and not now.chart.bends):
            break
        if index < effort.rounds:
            candidates, before = _refitted(keys[2], affine, now, before or now, effort, bends=index < _BEND), now
    assert best is not None
    return best, values, spent


def _refitted(
    key: Array, affine: Chart, now: _Round, before: _Round, effort: Effort, *, bends: bool
) -> list[_Candidate]:
    """Candidates fitted to the points of two rounds, since one to fewer would be too narrow.

    One has bends of its own, if they are wanted or there were any; another has affine coordinates, unless a few
    components are enough in the bent ones.
    """
    dof, slots = float(now.mixture.dof), effort.components
    x = np.concatenate([now.x, before.x]).astype(float)
    candidates = []
    if not (now.chart.bends and _simple(now.mixture)):
        both = _for_fits(np.asarray(affine.inward(jnp.asarray(x, now.w.dtype))), effort)
        start = None if now.chart.bends else now.mixture
        candidates += [_Candidate(affine, em.selected(key, *both, slots=slots, start=start, dof=dof))]
    if now.chart.bends or bends:
        chart, w = bent(x, effort.bends)
        if chart.bends or not candidates:
            candidates += [_Candidate(chart, em.selected(key, *_for_fits(w, effort), slots=slots, dof=dof))]
    return candidates


def _simple(mixture: MixturePrior) -> bool:
    """Whether a mixture has few components: bends that leave more are not those that the target has."""
    return int(jnp.sum(jnp.isfinite(mixture.log_weights))) <= _FEW


def seen_from(frame: Frame, mixture: MixturePrior) -> MixturePrior:
    """A mixture of x as one of y."""
    inverse, dtype = np.linalg.inv(frame.factor), mixture.means.dtype
    return mixture._replace(
        means=jnp.asarray((np.asarray(mixture.means, float) - frame.shift) @ inverse.T, dtype),
        factors=jnp.asarray(inverse @ np.asarray(mixture.factors, float), dtype),
        inverses=jnp.asarray(np.asarray(mixture.inverses, float) @ frame.factor, dtype),
    )


def _recentred(best: _Round, figures: dict[str, float], evaluations: int) -> Base:
    """Coordinates in which the final particles are white, and the mixture there."""
    inner = Frame.of(np.asarray(best.w, float))
    prior = seen_from(inner, best.mixture)
    alive = np.isfinite(np.asarray(prior.log_weights))
    prior = jax.tree.map(lambda a: a[alive] if a.ndim else a, prior)
    chart = best.chart.then(inner)
    figures |= {"components": float(alive.sum()), "dof": float(prior.dof), "bends": float(chart.bends)}
    return Base(chart, prior, best.log_z, best.ess, figures, evaluations)


class _Search(NamedTuple):
    """Particles around modes that the population has left, all peaks as a mixture of x, what was added and spent."""

    found: Array
    peaks: MixturePrior | None
    added: int
    waves: int
    evaluations: int


def _search(
    log_density: LogDensity, key: Array, x: Array, starts: Array, prior: GaussianPrior, effort: Effort
) -> _Search:
    """Climb from all starts, and put particles around peaks where there are few; climb again while there are such."""
    d, dtype = x.shape[1], x.dtype
    frame = Frame.of(np.asarray(x, float))
    white, y = frame.whitened(log_density), np.asarray(frame.inward(x), float)
    peaks, spent, before = climb(white, frame.inward(starts), effort.climb), len(starts) * (effort.climb + 1), 0
    for wave in range(effort.waves + 1):
        different = distinct(peaks, 2 * effort.components)
        if not len(different):
            return _Search(x[:0], None, 0, wave, spent)
        if len(different) <= max(1, before) or wave == effort.waves:
            break
        before = len(different)
        known = jax.tree.map(lambda a, rows=different: a[rows], peaks)
        more = _more_starts(jax.random.fold_in(key, wave), known.x, frame, prior, afforded(2 * effort.climbers, d))
        peaks = jax.tree.map(lambda *a: jnp.concatenate(a), known, climb(white, more, effort.climb))
        spent += len(more) * (effort.climb + 1)
    new = [i for i in different if _is_thin(y, peaks, i)]
    whole = seen_from(_inverse(frame), _around(peaks, different[: effort.components]))
    if not new:
        return _Search(x[:0], whole, 0, wave, spent)
    end, moves = _thermalised(jax.vmap(jax.value_and_grad(white)), key, _around(peaks, new), max(64, 4 * (d + 1)))
    return _Search(jnp.asarray(frame.outward(end), dtype), whole, len(new), wave, spent + moves)


def _more_starts(key: Array, peaks: Array, frame: Frame, prior: GaussianPrior, count: int) -> Array:
    """A third from priors of many widths, others between and beyond known peaks."""
    keys, third = jax.random.split(key, 3), count // 3
    width = jnp.exp(jax.random.uniform(keys[0], (third, 1), peaks.dtype) * math.log(_WIDEST))
    wide = frame.inward(prior.sample(keys[1], third, peaks.dtype) * width)
    return jnp.concatenate([wide, beyond(keys[2], peaks, count - third)])


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
