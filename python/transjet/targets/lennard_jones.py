"""A cluster of Lennard-Jones particles in a harmonic trap."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ConfigError
from transjet.targets import _checks
from transjet.targets.base import Target, pointwise

# Below this distance the pair potential is continued by its parabola in r^2. Two particles there have a weight below
# exp(-110) relative to two at rest.
_CORE = 0.7


def lennard_jones(particles: int = 13, *, name: str | None = None) -> Target:
    """Build a cluster of particles in space, -log rho = 2 sum_{i<j} (r_ij^-12 - 2 r_ij^-6) + sum_i |x_i|^2 / 2.

    The energy of LJ13 in arXiv 2006.02425 and 2402.06121: temperature one, minimum of a pair at distance one, and
    every pair counted twice. Two things differ, and neither changes the distribution of shapes:

    * the trap holds the particles to the origin and not to their centre of mass, so that rho can be normalised: the
      centre of mass is N(0, I / particles) and independent of the rest;
    * below r = 0.7 the potential goes on as a parabola in r^2, with two continuous derivatives, so that log rho and its
      derivatives are finite everywhere, also where particles coincide. No mass is there.

    log Z is unknown. The mean is zero by symmetry.

    Args:
        particles: number of particles, at least 2; coordinates are (x_1, y_1, z_1, x_2, ...).
        name: name of the target; ``lj<particles>`` by default.

    Returns:
        The target, of 3 particles coordinates, with its mean.

    Raises:
        ConfigError: fewer than two particles.
    """
    count = _checks.dimension(particles)
    if count < 2:
        raise ConfigError("particles must be at least 2, got 1; a single one is a Gaussian")
    first, second = np.triu_indices(count, 1)

    def log_density(x: jax.Array) -> jax.Array:
        at = x.reshape(count, 3)
        squares = jnp.sum((at[first] - at[second]) ** 2, axis=1)
        return -2.0 * jnp.sum(_pair(squares)) - 0.5 * jnp.sum(x**2)

    return Target(
        name=name or f"lj{count}",
        dim=3 * count,
        log_density=pointwise(log_density, 3 * count),
        mean=np.zeros(3 * count),
        prior_std=1.0,
        description=f"{count} Lennard-Jones particles in a harmonic trap",
    )


def _pair(square: jax.Array) -> jax.Array:
    """r^-12 - 2 r^-6 of r^2, continued by a parabola inside the core."""
    core = _CORE**2
    outside = jnp.maximum(square, core)
    cube = 1.0 / outside**3
    inside = jnp.minimum(square - core, 0.0)
    slope = 6.0 * (core**-4 - core**-7)
    curvature = 42.0 * core**-8 - 24.0 * core**-5
    return cube * (cube - 2.0) + inside * (slope + 0.5 * curvature * inside)
