"""Random funnels."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets.families.core import Core

# Standard deviations of the neck beyond which the log variance stays, or float32 would overflow: 1e-19 of the mass.
_FARTHEST = 9.0


def funnel(rng: np.random.Generator, dim: int) -> Core:
    """Draw a funnel, z_0 ~ N(0, s^2) and z_i | z_0 ~ N(0, exp(z_0)), with s of 0.5 to 3; every other one is turned."""
    neck, turns = float(rng.uniform(0.5, 3.0)), bool(rng.integers(2))
    return funnel_of(dim, neck, turns=turns)


def funnel_of(dim: int, neck: float, *, turns: bool) -> Core:
    """Build a funnel, normalised.

    Its standard deviations, exp(s^2 / 4) but for the neck, are those of a few samples far out; the size that a user
    would see is that of mean absolute values, exp(s^2 / 8).

    Args:
        dim: number of coordinates, at least 2.
        neck: standard deviation s of the first one.
        turns: whether it is to be turned.

    Returns:
        The core, of log_z 0.
    """
    log_constant = -0.5 * dim * math.log(2.0 * math.pi) - math.log(neck)

    def log_density(z: jax.Array) -> jax.Array:
        log_variance = jnp.clip(z[0], -_FARTHEST * neck, _FARTHEST * neck)
        scaled = z[1:] * jnp.exp(-0.5 * log_variance)
        return log_constant - 0.5 * ((z[0] / neck) ** 2 + (dim - 1) * log_variance + jnp.sum(scaled**2))

    def sample(key: jax.Array, n: int) -> jax.Array:
        noise = jax.random.normal(key, (n, dim))
        first = neck * noise[:, :1]
        return jnp.concatenate([first, noise[:, 1:] * jnp.exp(0.5 * first)], axis=1)

    return Core(
        dim=dim,
        log_density=log_density,
        log_z=0.0,
        sample=sample,
        description=f"a funnel with a neck of standard deviation {neck:.2g}" + (", turned" if turns else ""),
        mean=np.zeros(dim),
        covariance=np.diag([neck**2] + [math.exp(0.5 * neck**2)] * (dim - 1)),
        spread=math.sqrt((neck**2 + (dim - 1) * math.exp(0.25 * neck**2)) / dim),
        turns=turns,
    )
