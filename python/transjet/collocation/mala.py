"""Metropolis-adjusted Langevin moves of a cloud of particles, with a step size that adapts to the acceptance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array
_ACCEPTANCE = 0.574  # optimal for Langevin proposals in many dimensions


class Moved(NamedTuple):
    """Particles after Langevin moves.

    Attributes:
        x: (n, d).
        step: the step size that the moves ended with.
        acceptance: share of the proposals that were accepted.
        lowest, highest: of every coordinate on the way, (d,).
    """

    x: Array
    step: Array
    acceptance: Array
    lowest: Array
    highest: Array


def mala(key: Array, log_density: Callable[[Array], Array], x: Array, step: Array, moves: int) -> Moved:
    """`moves` proposals x + h grad log p + sqrt(2h) xi for every particle, each accepted or rejected.

    Args:
        key: random key.
        log_density: log p of one point (d,), up to a constant. Proposals without a finite value are rejected.
        x: particles, (n, d).
        step: h of the first proposal; after each it grows or falls with the acceptance, towards 0.574.
        moves: number of proposals; each evaluates log p and its gradient once per particle, and once at the start.

    Returns:
        Moved.
    """
    evaluate = jax.vmap(jax.value_and_grad(log_density))

    def log_kernel(to: Array, origin: Array, grad: Array, h: Array) -> Array:
        return -jnp.sum((to - origin - h * grad) ** 2, axis=1) / (4 * h)

    def move(carry: tuple[Array, Array, Array, Array], key: Array) -> Any:
        x, value, grad, h = carry
        key_noise, key_accept = jax.random.split(key)
        to = x + h * grad + jnp.sqrt(2 * h) * jax.random.normal(key_noise, x.shape, x.dtype)
        value_to, grad_to = evaluate(to)
        ratio = value_to - value + log_kernel(x, to, grad_to, h) - log_kernel(to, x, grad, h)
        finite = jnp.isfinite(value_to) & jnp.isfinite(grad_to).all(axis=1)
        # From a place of density zero any finite one is an improvement.
        ratio = jnp.where(jnp.isfinite(value) & jnp.isfinite(grad).all(axis=1), ratio, jnp.inf)
        accepted = finite & (jnp.log(jax.random.uniform(key_accept, ratio.shape, x.dtype)) < ratio)
        keep = accepted[:, None]
        rate = jnp.mean(accepted.astype(x.dtype))
        after = jnp.where(keep, to, x), jnp.where(accepted, value_to, value), jnp.where(keep, grad_to, grad)
        h = h * jnp.exp(rate - _ACCEPTANCE)
        return (*after, h), (rate, jnp.min(after[0], axis=0), jnp.max(after[0], axis=0))

    value, grad = evaluate(x)
    start = (x, value, jnp.where(jnp.isfinite(grad), grad, 0), jnp.asarray(step, x.dtype))
    (x, _, _, step), (rates, low, high) = jax.lax.scan(move, start, jax.random.split(key, moves))
    return Moved(x, step, jnp.mean(rates), jnp.min(low, axis=0), jnp.max(high, axis=0))
