"""Figures that tell degenerate weights and lost modes, under jit."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

Array = jax.Array


def pareto_k(log_w: Array) -> Array:
    """Shape k of a generalised Pareto distribution fitted to the largest weights, a scalar.

    Above 0.7 the weights' mean converges too slowly to be of use, whatever the effective sample size says
    (Vehtari et al., arXiv 1507.02646). The fit is the empirical Bayes estimate of Zhang and Stephens.

    Args:
        log_w: log weights, (n,); those that are not finite count as weight zero.

    Returns:
        k; NaN for fewer than 25 weights, or where the tail consists of equal ones.
    """
    n = log_w.shape[0]
    tail = math.ceil(min(0.2 * n, 3 * math.sqrt(n)))
    if n < 25:
        return jnp.full((), jnp.nan, log_w.dtype)
    log_w = jnp.where(jnp.isfinite(log_w), log_w, -jnp.inf)
    w = jnp.sort(jnp.exp(log_w - jnp.max(log_w)))[-tail - 1 :]
    return _shape(w[1:] - w[0])


def _shape(x: Array) -> Array:
    """k of exceedances x > 0 in ascending order, (m,), drawn a little towards 1/2 as a weak prior does."""
    m = x.shape[0]
    grid = 30 + math.floor(math.sqrt(m))
    quartile = x[math.floor(m / 4 + 0.5) - 1]
    steps = 1 - jnp.sqrt(grid / (jnp.arange(1, grid + 1, dtype=x.dtype) - 0.5))
    theta = 1 / x[-1] + steps / (3 * quartile)
    k = -jnp.mean(jnp.log1p(-theta[:, None] * x), axis=1)
    likelihood = m * (jnp.log(theta / k) + k - 1)
    weights = jax.nn.softmax(jnp.where(jnp.isfinite(likelihood), likelihood, -jnp.inf))
    best = jnp.sum(jnp.where(weights > 0, weights * theta, 0))
    shape = jnp.mean(jnp.log1p(-best * x))
    return (m * shape + 5) / (m + 10)


def entropic_coverage(x: Array, modes: Array) -> Array:
    """-sum p log p / log M with p the shares of M modes among samples, each one's nearest; a scalar.

    Args:
        x: samples without weights, (n, d): where the flow goes, not what weights make of it.
        modes: their centres, (M, d), at least two.

    Returns:
        1 where all modes have equal shares, 0 where one has all.
    """
    inner = x @ modes.T
    nearest = jnp.argmin(jnp.sum(modes * modes, axis=1) - 2 * inner, axis=1)
    counts = jnp.bincount(nearest, length=modes.shape[0])
    p = counts.astype(x.dtype) / x.shape[0]
    return -jnp.sum(jnp.where(p > 0, p * jnp.log(jnp.where(p > 0, p, 1)), 0)) / math.log(modes.shape[0])
