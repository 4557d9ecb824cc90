"""A box for a target that comes without one: where particles go when the prior is cooled into the target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from transjet.collocation.fixed import UniformBox
from transjet.collocation.mala import mala
from transjet.errors import ConfigError, TargetError
from transjet.paths import GaussianPrior

Array = jax.Array


class Pilot(NamedTuple):
    """What a pilot run found out.

    Attributes:
        box: holds every particle of the run, the prior's included, with a margin.
        evaluations: of the target's log density with its gradient, over all particles.
        acceptance: share of accepted Langevin proposals.
    """

    box: UniformBox
    evaluations: int
    acceptance: float


def pilot_box(
    log_density: Callable[[Array], Array],
    prior: GaussianPrior,
    key: Array,
    *,
    particles: int = 256,
    temperatures: int = 20,
    moves: int = 5,
    margin: float = 0.1,
    dtype: Any = jnp.float32,
) -> Pilot:
    """Samples of the prior, moved by Langevin steps under (1 - b) log p_prior + b log rho for b up to 1.

    A short run finds the region of interest, not the weights of modes; a mode far outside the prior can be missed.

    Args:
        log_density: log rho of one point (d,).
        prior: where particles start.
        key: random key.
        particles: their number.
        temperatures: values of b, evenly spaced up to 1.
        moves: Langevin proposals at each.
        margin: added on both sides of the box, in units of its width.
        dtype: of the particles.

    Returns:
        Pilot; `evaluations` is particles * (temperatures * (moves + 1) + 1).

    Raises:
        ConfigError: a count below 1, or a negative margin.
        TargetError: no particle ended at a finite log density.
    """
    if min(particles, temperatures, moves) < 1 or not margin >= 0:
        raise ConfigError(
            "pilot: expected particles, temperatures, moves >= 1 and margin >= 0; "
            f"got {particles}, {temperatures}, {moves} and {margin}"
        )

    def cool(carry: tuple[Array, Array], now: tuple[Array, Array]) -> tuple[tuple[Array, Array], tuple[Array, ...]]:
        b, key = now
        moved = mala(key, lambda x: (1 - b) * prior.log_density(x) + b * log_density(x), *carry, moves)
        return (moved.x, moved.step), (moved.acceptance, moved.lowest, moved.highest)

    def run(key: Array) -> tuple[Array, ...]:
        key_start, key_moves = jax.random.split(key)
        start = prior.sample(key_start, particles, dtype)
        levels = jnp.arange(1, temperatures + 1, dtype=dtype) / temperatures
        first = jnp.asarray(0.1 * prior.std**2, dtype)
        (x, _), (rates, low, high) = jax.lax.scan(
            cool, (start, first), (levels, jax.random.split(key_moves, temperatures))
        )
        low, high = (jnp.concatenate([start, a]) for a in (low, high))
        found = jnp.any(jnp.isfinite(jax.vmap(log_density)(x)))
        return jnp.min(low, axis=0), jnp.max(high, axis=0), jnp.mean(rates), found

    low, high, acceptance, found = (np.asarray(a, np.float64) for a in jax.jit(run)(key))
    if not found:
        raise TargetError(
            "pilot: expected a log density that is finite somewhere near the prior; got none at any particle; "
            "check it, or give the target a box"
        )
    edge = margin * (high - low)
    box = UniformBox(tuple(float(v) for v in low - edge), tuple(float(v) for v in high + edge))
    return Pilot(box, particles * (temperatures * (moves + 1) + 1), float(acceptance))
