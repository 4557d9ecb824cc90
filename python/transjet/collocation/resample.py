"""Effective sizes of weighted particles, and drawing particles by their weights."""

from __future__ import annotations

import jax
import jax.numpy as jnp

Array = jax.Array


def lost_as_zero(log_weights: Array) -> Array:
    """Log weights with NaN and +inf, lost particles, replaced by -inf."""
    return jnp.where(jnp.isnan(log_weights) | (log_weights == jnp.inf), -jnp.inf, log_weights)


def relative_ess(log_weights: Array) -> Array:
    """Normalised effective sample size of log weights (n,), between 1/n and 1; 0 where all weights are zero."""
    clean = lost_as_zero(log_weights)
    top = jnp.max(clean)
    w = jnp.exp(clean - jnp.where(jnp.isfinite(top), top, 0))
    square = jnp.sum(w * w)
    return jnp.where(square > 0, jnp.sum(w) ** 2 / jnp.where(square > 0, clean.shape[0] * square, 1), 0)


def tempered(log_w: Array, least_ess: float) -> Array:
    """gamma log w (n,) with the largest gamma <= 1 whose effective sample size is at least `least_ess` n.

    Weights that are not finite count as zero; if all are, all particles count alike.
    """
    log_w = jnp.where(jnp.isfinite(log_w), log_w, -jnp.inf)
    log_w = jnp.where(jnp.any(jnp.isfinite(log_w)), log_w - jnp.max(log_w), jnp.zeros_like(log_w))
    log_w = jnp.maximum(log_w, -1e30)  # so that gamma = 0 makes no NaN of it

    def halve(bounds: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
        middle = (bounds[0] + bounds[1]) / 2
        enough = relative_ess(middle * log_w) >= least_ess
        return (jnp.where(enough, middle, bounds[0]), jnp.where(enough, bounds[1], middle)), None

    zero, one = jnp.zeros((), log_w.dtype), jnp.ones((), log_w.dtype)
    (gamma, _), _ = jax.lax.scan(halve, (zero, one), None, length=30)
    return jnp.where(relative_ess(log_w) >= least_ess, one, gamma) * log_w


def picked(log_w: Array, shares: Array) -> Array:
    """Indices of the particles that stand at `shares` in [0, 1) of their cumulated weights.

    Weights are exp(log_w (m,)); if none is finite and positive, all particles count alike. One of weight zero is never
    picked.
    """
    top = jnp.max(log_w)
    w = jnp.where(jnp.isfinite(top), jnp.exp(log_w - jnp.where(jnp.isfinite(top), top, 0)), 1.0)
    total = jnp.cumsum(w)
    # "right": a particle of weight zero holds an empty interval.
    last = jnp.max(jnp.where(w > 0, jnp.arange(w.shape[0]), 0))
    return jnp.minimum(jnp.searchsorted(total, shares * total[-1], side="right"), last)


def systematic(key: Array, log_w: Array, n: int) -> Array:
    """Indices (n,) of particles drawn by their log weights (m,), with one random number for all.

    A particle of share s comes n s times, rounded up or down at random so that the mean is n s.
    """
    return picked(log_w, (jnp.arange(n, dtype=log_w.dtype) + jax.random.uniform(key, (), log_w.dtype)) / max(1, n))
