"""A population of particles by tempered sequential Monte Carlo: from a wide Gaussian into the target."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from transjet.collocation.resample import systematic
from transjet.errors import TargetError
from transjet.paths import GaussianPrior, MixturePrior
from transjet.pilot import em
from transjet.pilot.moves import moved

Array = jax.Array
_LEVELS = 100  # temperatures after which the last step goes to the target whatever the weights
_LEAST_STEP = 1e-6
_FIT = 15  # iterations of the fit that gives the moves their metrics


class Population(NamedTuple):
    """Particles at the target, of equal weight.

    Attributes:
        x: (n, d).
        log_z: estimate of log Z; it lacks the mass of modes that were lost.
        trail: particles of the temperatures on the way, (m, d).
        temperatures: inverse temperatures, from above 0 to 1.
        acceptance: of the moves at each.
        evaluations: of the log density with its gradient.
    """

    x: Array
    log_z: float
    trail: Array
    temperatures: tuple[float, ...]
    acceptance: tuple[float, ...]
    evaluations: int


def tempered_population(
    log_density: Callable[[Array], Array],
    prior: GaussianPrior,
    key: Array,
    *,
    particles: int,
    moves: int,
    slots: int = 8,
    ess: float = 0.5,
    kept: int = 512,
    dtype: Any = jnp.float32,
) -> Population:
    """Particles of the prior, reweighted, resampled and moved under p_prior^(1-b) rho^b for b up to 1.

    The next b is the one at which the weights have the effective sample size `ess`. Moves take their metric from
    a mixture that is fitted to the particles at every temperature.

    Args:
        log_density: log rho of one point (d,).
        prior: where particles start.
        key: JAX random key.
        particles: n.
        moves: Langevin proposals at each temperature.
        slots: components of the mixture that gives the metrics.
        ess: normalised effective sample size of the weights of a step.
        kept: particles of the trail.
        dtype: of the particles.

    Returns:
        Population.

    Raises:
        TargetError: the log density is finite at fewer than two particles.
    """

    def tempered(b: Array, x: Array) -> tuple[Array, Array]:
        value, grad = jax.vmap(jax.value_and_grad(log_density))(x)
        return (1 - b) * prior.log_density(x) + b * value, (1 - b) * prior.grad(x) + b * grad

    @jax.jit
    def level(key: Array, x: Array, log_w: Array, b: Array, step: Array) -> tuple[Array, ...]:
        keys = jax.random.split(key, 3)
        metric = _metric(keys[1], x, jnp.exp(log_w), slots)
        x = x[systematic(keys[0], log_w, particles)]
        end = moved(keys[2], partial(tempered, b), x, metric, step, moves)
        return end.x, end.step, end.acceptance, ratios(end.x)

    def ratios(x: Array) -> Array:
        return jax.vmap(log_density)(x) - prior.log_density(x)

    x = prior.sample(jax.random.fold_in(key, 0), particles, dtype)
    ratio, b, log_z = np.asarray(jax.jit(ratios)(x), float), 0.0, 0.0
    step: Array = jnp.asarray(0.3 / prior.dim ** (1 / 3), dtype)
    trail = [x]
    temperatures: list[float] = []
    rates: list[float] = []
    while b < 1:
        if np.isfinite(ratio).sum() < 2:
            raise TargetError(
                f"pilot: expected a log density that is finite near the prior; it is at {np.isfinite(ratio).sum()} of "
                f"{particles} particles at temperature {b:.3g} of 1; check it, or give another prior_std"
            )
        ratio = np.where(np.isfinite(ratio), ratio, -np.inf)
        rise = 1 - b if len(temperatures) >= _LEVELS - 1 else _next_step(ratio, 1 - b, ess)
        log_z += _log_mean(rise * ratio)
        b = 1.0 if rise >= 1 - b else b + rise
        log_w = jnp.asarray(rise * (ratio - ratio.max()), dtype)
        x, step, rate, new = level(
            jax.random.fold_in(key, 1 + len(temperatures)), x, log_w, jnp.asarray(b, dtype), step
        )
        ratio = np.asarray(new, float)
        trail.append(x)
        temperatures.append(b)
        rates.append(float(rate))
    each = max(1, kept // len(trail))
    spent = particles * (1 + len(temperatures) * (moves + 2))
    return Population(
        x,
        log_z,
        jnp.concatenate([t[:: max(1, particles // each)][:each] for t in trail]),
        tuple(temperatures),
        tuple(rates),
        spent,
    )


def _metric(key: Array, x: Array, weights: Array, slots: int) -> MixturePrior:
    """A mixture fitted in units of the particles' standard deviations, or one Gaussian if that predicts others better.

    Covariances of many components of few particles would make worse moves than that of all particles. The particles are
    those before resampling, whose copies would be in both halves.
    """
    share = weights / jnp.sum(weights)
    centre = share @ x
    scale = jnp.sqrt(share @ (x - centre) ** 2) + jnp.finfo(x.dtype).tiny
    y, even = (x - centre) / scale, jnp.arange(x.shape[0]) % 2 == 0
    train, test = jnp.where(even, weights, 0), jnp.where(even, 0, weights)

    def fitted(count: Array) -> tuple[MixturePrior, Array]:
        mixture = em.fit(key, y, train, count, jnp.inf, False, slots=slots, iterations=_FIT)
        return mixture, jnp.sum(test * mixture.log_density(y))

    both, values = jax.lax.map(fitted, jnp.array([1, slots]))  # a loop, for the compiler's sake
    mixture: MixturePrior = jax.tree.map(lambda a: a[jnp.argmax(jnp.nan_to_num(values, nan=-jnp.inf))], both)
    factors, inverses = mixture.factors * scale[:, None], mixture.inverses / scale
    return mixture._replace(means=mixture.means * scale + centre, factors=factors, inverses=inverses)


def _log_mean(log_w: np.ndarray) -> float:
    top = log_w.max()
    return float(top + np.log(np.mean(np.exp(log_w - top))))


def _next_step(ratio: np.ndarray, left: float, least: float) -> float:
    """The largest rise of the temperature, up to `left`, after which the weights have the ESS `least`."""

    def ess(rise: float) -> float:
        weights = np.exp(rise * (ratio - ratio.max()))
        return float(weights.sum() ** 2 / (weights**2).sum() / len(ratio))

    if ess(left) >= least:
        return left
    low, high = 0.0, left
    while high - low > 1e-3 * high and high > _LEAST_STEP:
        middle = math.sqrt(low * high) if low > 0 else high / 8
        low, high = (middle, high) if ess(middle) >= least else (low, middle)
    return max(low, min(_LEAST_STEP, left))
