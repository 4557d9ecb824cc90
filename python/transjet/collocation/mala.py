"""Metropolis-adjusted Langevin moves of a cloud of particles, with a step size that adapts to the acceptance."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array
_ACCEPTANCE = 0.574  # optimal for Langevin proposals in many dimensions


ValueAndGrad = Callable[[Array], tuple[Array, Array]]
"""`(x (n, d)) -> (log density (n,), gradient (n, d))`."""


class Langevin(NamedTuple):
    """Particles after Langevin steps.

    Attributes:
        x: positions, (n, d).
        value: log density there, up to its constant, (n,).
        grad: its gradient, (n, d).
        acceptance: share of accepted proposals, scalar.
        step_size: the last one, scalar.
    """

    x: Array
    value: Array
    grad: Array
    acceptance: Array
    step_size: Array


def langevin_step(density: ValueAndGrad, state: Langevin, key: Array) -> Langevin:
    """One Metropolis-adjusted Langevin step, x' = x + eps grad + sqrt(2 eps) noise, at the state's step size.

    It leaves exp(log density) invariant whatever the step size. A proposal whose density is not finite is refused.
    """
    key_noise, key_accept = jax.random.split(key)
    noise = jax.random.normal(key_noise, state.x.shape, state.x.dtype)
    eps, root = state.step_size, jnp.sqrt(2 * state.step_size)
    proposal = state.x + eps * state.grad + root * noise
    value, grad = density(proposal)
    back = noise + eps / root * (state.grad + grad)  # the noise of the way back, with its sign turned
    ratio = value - state.value + 0.5 * (jnp.sum(noise * noise, axis=1) - jnp.sum(back * back, axis=1))
    ratio = jnp.where(jnp.isfinite(state.value), ratio, jnp.inf)  # from density zero any finite one is an improvement
    accepted = jnp.log(jax.random.uniform(key_accept, ratio.shape, ratio.dtype)) < ratio  # never true of NaN
    accepted = accepted & jnp.isfinite(value) & jnp.isfinite(grad).all(axis=1)
    return Langevin(
        jnp.where(accepted[:, None], proposal, state.x),
        jnp.where(accepted, value, state.value),
        jnp.where(accepted[:, None], grad, state.grad),
        jnp.mean(accepted.astype(state.x.dtype)),
        eps,
    )


def adapted(state: Langevin, rate: float = 0.3) -> Langevin:
    """The state with its step size moved so that the acceptance approaches 0.574, the best in many dimensions.

    The new step size depends on all particles together; its bias falls as 1/n.
    """
    return state._replace(step_size=state.step_size * jnp.exp(rate * (state.acceptance - _ACCEPTANCE)))


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

    def move(state: Langevin, key: Array) -> tuple[Langevin, tuple[Array, Array, Array]]:
        after = langevin_step(evaluate, state, key)
        return adapted(after, 1.0), (after.acceptance, jnp.min(after.x, axis=0), jnp.max(after.x, axis=0))

    value, grad = evaluate(x)
    one = jnp.ones((), x.dtype)
    start = Langevin(x, value, jnp.where(jnp.isfinite(grad), grad, 0), one, jnp.asarray(step, x.dtype))
    end, (rates, low, high) = jax.lax.scan(move, start, jax.random.split(key, moves))
    return Moved(end.x, end.step_size, jnp.mean(rates), jnp.min(low, axis=0), jnp.max(high, axis=0))
