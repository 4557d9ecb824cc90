"""Mixtures fitted to weighted points by expectation-maximisation."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.paths import MixturePrior

Array = jax.Array
_FLOOR = 1e-6  # added to covariances, in units of the points' own scale
_POINTS = 2.0  # a component keeps at least this many effective points per coordinate, or is given up
_TIED_POINTS = 8.0  # the same in all, where the covariance is that of all components together
_CONVERGED = 1e-3  # nats per point that an iteration gains when it is the last
_SMALL, _LARGE_DIM = 8, 30  # components that have a program of their own in more coordinates: compiling costs less then


@partial(jax.jit, static_argnames=("slots", "iterations"))
def fit(
    key: Array, x: Array, weights: Array, count: Any, dof: Any, tied: Any = False, *, slots: int, iterations: int = 40
) -> MixturePrior:
    """Fit a mixture, from centres far apart (k-means++).

    Args:
        key: JAX random key.
        x: points, (n, d), in coordinates in which they have about unit scale.
        weights: (n,), not negative.
        count: components to begin with; those that are left with too few points are given up.
        dof: degrees of freedom of all components; inf: Gaussians.
        tied: whether all components have one covariance, for many coordinates and few points.
        slots: components that arrays have room for, at least `count`.
        iterations: of expectation-maximisation, at most; fewer where the likelihood no longer rises.

    Returns:
        The mixture, with `slots` components of which some have no weight.
    """
    share = weights / jnp.sum(weights)
    centres = _spread(key, x, share, slots)
    distance = jnp.sum((x[:, None] - centres) ** 2, axis=2)
    nearest = jnp.argmin(jnp.where(jnp.arange(slots) < count, distance, jnp.inf), axis=1)
    hard = jax.nn.one_hot(nearest, slots, dtype=x.dtype) * share[:, None]
    first = _maximised(x, share, hard, jnp.ones_like(hard), jnp.asarray(dof, x.dtype), tied)
    return _improved(x, share, first, tied, iterations)


@partial(jax.jit, static_argnames="iterations")
def refit(mixture: MixturePrior, x: Array, weights: Array, tied: Any = False, *, iterations: int = 40) -> MixturePrior:
    """Fit a mixture, starting from one that is near."""
    return _improved(x, weights / jnp.sum(weights), mixture, tied, iterations)


def held_out(mixture: MixturePrior, x: Array, weights: Array) -> float:
    """Mean log density of weighted points."""
    return float(_held_out(mixture, x, weights))


@jax.jit
def _held_out(mixture: MixturePrior, x: Array, weights: Array) -> Array:
    return jnp.sum(weights * mixture.log_density(x)) / jnp.sum(weights)


def _spread(key: Array, x: Array, share: Array, slots: int) -> Array:
    """Centres among the points, each drawn in proportion to its squared distance to those before."""
    key_first, key_rest = jax.random.split(key)
    tiny = jnp.finfo(x.dtype).tiny
    first = x[jax.random.categorical(key_first, jnp.log(share + tiny))]

    def pick(distance: Array, key: Array) -> tuple[Array, Array]:
        centre = x[jax.random.categorical(key, jnp.log(share * distance + tiny))]
        return jnp.minimum(distance, jnp.sum((x - centre) ** 2, axis=1)), centre

    _, others = jax.lax.scan(pick, jnp.sum((x - first) ** 2, axis=1), jax.random.split(key_rest, slots - 1))
    return jnp.concatenate([first[None], others])


def _improved(x: Array, share: Array, mixture: MixturePrior, tied: Any, iterations: int) -> MixturePrior:
    d = x.shape[1]

    def rising(carry: tuple[MixturePrior, Array, Array, Array]) -> Array:
        _, before, now, index = carry
        return (index < iterations) & ~(jnp.abs(now - before) < _CONVERGED)  # it falls where a component is given up

    def iterate(carry: tuple[MixturePrior, Array, Array, Array]) -> tuple[MixturePrior, Array, Array, Array]:
        mixture, _, before, index = carry
        log_joint, square = mixture.components(x)
        density = jax.scipy.special.logsumexp(log_joint, axis=1)
        members = jnp.exp(log_joint - density[:, None]) * share[:, None]
        dof = mixture.dof
        pull = jnp.where(jnp.isfinite(dof), (dof + d) / (jnp.where(jnp.isfinite(dof), dof, 1) + square), 1)
        return _maximised(x, share, members, pull, dof, tied), before, jnp.sum(share * density), index + 1

    nothing = jnp.asarray(jnp.inf, x.dtype)
    return jax.lax.while_loop(rising, iterate, (mixture, -nothing, nothing, jnp.asarray(0)))[0]


def _maximised(x: Array, share: Array, members: Array, pull: Array, dof: Array, tied: Any) -> MixturePrior:
    """Means and covariances of all components' members; `pull` weighs down what Student's t finds far."""
    d, mass = x.shape[1], jnp.sum(members, axis=0)
    effective = mass**2 / jnp.maximum(jnp.sum(members**2, axis=0), jnp.finfo(x.dtype).tiny)
    pulled = members * pull
    safe = jnp.maximum(mass, jnp.finfo(x.dtype).tiny)
    means = (pulled.T @ x) / jnp.maximum(jnp.sum(pulled, axis=0), jnp.finfo(x.dtype).tiny)[:, None]
    # sum_n p_nk (x - m_k)(x - m_k)^T by weighted points, one component after the other: memory stays that of the points
    covariances = jax.lax.map(
        lambda k: ((x - means[k]) * (pulled[:, k] / safe[k])[:, None]).T @ (x - means[k]), jnp.arange(len(mass))
    )
    common = jnp.einsum("k,kij->ij", safe, covariances) / jnp.sum(safe)
    covariances = jnp.where(tied, common, covariances)
    factors = jnp.linalg.cholesky(covariances + _FLOOR * jnp.eye(d, dtype=x.dtype))
    enough = jnp.where(tied, _TIED_POINTS, _POINTS * (d + 1))
    alive = (effective >= enough) & jnp.isfinite(factors).all(axis=(1, 2)) & jnp.isfinite(means).all(axis=1)
    alive = alive | ((jnp.sum(alive) == 0) & (jnp.arange(len(mass)) == jnp.argmax(mass)))
    factors = jnp.where(alive[:, None, None], jnp.nan_to_num(factors, nan=1.0), jnp.eye(d, dtype=x.dtype))
    inverses = jax.scipy.linalg.solve_triangular(
        factors, jnp.broadcast_to(jnp.eye(d, dtype=x.dtype), factors.shape), lower=True
    )
    log_weights = jnp.where(alive, jnp.log(safe), -jnp.inf)
    log_weights = log_weights - jax.scipy.special.logsumexp(log_weights)
    return MixturePrior(log_weights, jnp.where(alive[:, None], means, 0), factors, inverses, dof)


def selected(
    key: Array, x: Array, weights: Array, *, slots: int, start: MixturePrior | None = None, dof: float = math.inf
) -> MixturePrior:
    """The mixture with as many components as points that were left out speak for.

    Args:
        key: JAX random key.
        x: (n, d).
        weights: (n,).
        slots: most components.
        start: another candidate, from which a fit starts; others have half to twice as many components. None: none.
        dof: as in `fit`.

    Returns:
        The best one, fitted once more to all points.
    """
    half = np.random.default_rng(0).permutation(len(x)) % 2 == 0
    train, test = jnp.where(half, weights, 0), jnp.where(half, 0, weights)  # of all points: one program serves all fits
    best, found, found_tied = -math.inf, None, False
    small = _SMALL if x.shape[1] > _LARGE_DIM else slots

    def better(mixture: MixturePrior, tied: bool) -> float:
        nonlocal best, found, found_tied
        value = held_out(mixture, x, test)
        if value > best + _CONVERGED or found is None:  # no more components for what an iteration more might gain
            best, found, found_tied = value, mixture, tied
        return value

    few, many, alone = 1, slots, -math.inf
    if start is not None:
        number = int(jnp.sum(jnp.isfinite(start.log_weights)))
        few, many = max(1, number // 2), min(slots, 2 * number)
    for tied in (False, True):
        k, misses, last = max(2, few) if tied else few, 0, alone if tied else -math.inf
        while k <= many and misses < 2:
            room = min(slots, small) if k <= small else slots
            value = better(fit(key, x, train, k, dof, tied, slots=room), tied)
            alone = value if k == 1 else alone  # the same, tied or not
            misses = 0 if value > last else misses + 1
            last, k = max(last, value), 2 * k
        if start is not None:
            better(refit(with_room(start, small if number <= small else slots), x, train, tied), tied)
    assert found is not None
    return with_room(refit(found, x, weights, found_tied), slots)


def with_room(mixture: MixturePrior, slots: int) -> MixturePrior:
    """The same mixture in arrays for so many components, or as many as it has: programs are shared then."""
    alive = np.flatnonzero(np.isfinite(np.asarray(mixture.log_weights)))
    room = max(slots, len(alive))
    order = np.concatenate([alive, np.setdiff1d(np.arange(len(mixture.means)), alive)])[:room]
    d, more, dtype = mixture.dim, room - len(order), mixture.means.dtype
    eyes = jnp.broadcast_to(jnp.eye(d, dtype=dtype), (more, d, d))
    return mixture._replace(
        log_weights=jnp.concatenate([mixture.log_weights[order], jnp.full(more, -jnp.inf, dtype)]),
        means=jnp.concatenate([mixture.means[order], jnp.zeros((more, d), dtype)]),
        factors=jnp.concatenate([mixture.factors[order], eyes]),
        inverses=jnp.concatenate([mixture.inverses[order], eyes]),
    )
