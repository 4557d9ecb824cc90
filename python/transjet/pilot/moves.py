"""Langevin moves of particles, each with the metric of the mixture component that it belongs to."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from transjet.collocation.mala import ValueAndGrad
from transjet.paths import MixturePrior

Array = jax.Array
_ACCEPTANCE = 0.574  # optimal for Langevin proposals in many dimensions


class Moved(NamedTuple):
    """Particles after moves.

    Attributes:
        x: (n, d).
        step: size that the moves ended with, in units of the components' covariances.
        acceptance: share of the proposals that were accepted.
    """

    x: Array
    step: Array
    acceptance: Array


class _At(NamedTuple):
    x: Array
    value: Array
    grad: Array
    component: Array


def moved(key: Array, density: ValueAndGrad, x: Array, metric: MixturePrior, step: Array, moves: int) -> Moved:
    """Metropolis-adjusted proposals x' = x + h S grad + sqrt(2 h) L xi with S = L L^T of the component at x.

    Modes of one target may differ in size and direction: a metric for all would suit the narrowest alone. The
    component changes with x, so that the way back may have another metric than the way there; the acceptance accounts
    for both, and exp(log density) is invariant whatever the mixture.

    Args:
        key: JAX random key.
        density: `(x (n, d)) -> (log density (n,), gradient (n, d))`.
        x: particles, (n, d).
        metric: whose components' covariances are used.
        step: h of the first proposal; it follows the acceptance, towards 0.574.
        moves: proposals; each evaluates the density once per particle, and once at the start.

    Returns:
        Moved.
    """

    def at(x: Array) -> _At:
        value, grad = density(x)
        return _At(x, value, jnp.where(jnp.isfinite(grad), grad, 0), metric.assigned(x))

    def drift(here: _At, h: Array) -> Array:
        factor = metric.factors[here.component]
        return here.x + h * jnp.einsum("nij,nkj,nk->ni", factor, factor, here.grad)

    def log_proposal(there: Array, here: _At, h: Array) -> Array:
        inverse = metric.inverses[here.component]
        z = jnp.einsum("nij,nj->ni", inverse, there - drift(here, h))
        return jnp.sum(jnp.log(jnp.diagonal(inverse, axis1=1, axis2=2)), axis=1) - jnp.sum(z * z, axis=1) / (4 * h)

    def move(carry: tuple[_At, Array], key: Array) -> tuple[tuple[_At, Array], Array]:
        here, h = carry
        key_noise, key_accept = jax.random.split(key)
        noise = jax.random.normal(key_noise, here.x.shape, here.x.dtype)
        proposal = drift(here, h) + jnp.sqrt(2 * h) * jnp.einsum("nij,nj->ni", metric.factors[here.component], noise)
        there = at(proposal)
        ratio = there.value - here.value + log_proposal(here.x, there, h) - log_proposal(there.x, here, h)
        ratio = jnp.where(jnp.isfinite(here.value), ratio, jnp.inf)  # from density zero anything is an improvement
        accepted = (jnp.log(jax.random.uniform(key_accept, ratio.shape, ratio.dtype)) < ratio) & jnp.isfinite(
            there.value
        )
        new = jax.tree.map(lambda a, b: jnp.where(accepted.reshape(-1, *[1] * (a.ndim - 1)), a, b), there, here)
        rate = jnp.mean(accepted.astype(h.dtype))
        return (new, h * jnp.exp(rate - _ACCEPTANCE)), rate

    (end, h), rates = jax.lax.scan(move, (at(x), jnp.asarray(step, x.dtype)), jax.random.split(key, moves))
    return Moved(end.x, h, jnp.mean(rates))
