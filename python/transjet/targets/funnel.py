"""Neal's funnel: a Gaussian whose scale is the exponential of another coordinate."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ConfigError
from transjet.targets import _checks
from transjet.targets.base import Target, pointwise


def funnel(dim: int = 10, scale: float = 3.0, *, name: str | None = None) -> Target:
    """Build Neal's funnel, x_0 ~ N(0, scale^2) and x_i | x_0 ~ N(0, exp(x_0)) for i >= 1, normalised.

    Args:
        dim: number of coordinates, at least 2.
        scale: standard deviation of x_0, positive.
        name: name of the target; ``funnel-<dim>`` by default.

    Returns:
        The target, with log_z 0, an exact sampler and exact moments: var x_i = exp(scale^2 / 2).

    Raises:
        ConfigError: ``dim`` is 1 or ``scale`` is not positive.
    """
    dim, scale = _checks.dimension(dim), _checks.positive(scale, "scale")
    if dim < 2:
        raise ConfigError("dim must be at least 2 in a funnel, got 1; the first coordinate scales the others")
    log_constant = -0.5 * dim * math.log(2.0 * math.pi) - math.log(scale)
    edge = np.concatenate([[3.0 * scale], np.full(dim - 1, 30.0)])

    def log_density(x: jax.Array) -> jax.Array:
        neck, rest = x[0], x[1:]
        # Scaling before squaring keeps the neck's far end, exp(-x_0) > 3e38, finite in float32.
        scaled = rest * jnp.exp(-0.5 * neck)
        exponent = (neck / scale) ** 2 + (dim - 1) * neck + jnp.sum(scaled**2)
        return log_constant - 0.5 * exponent

    def sample(key: jax.Array, n: int) -> jax.Array:
        z = jax.random.normal(key, (_checks.sample_size(n), dim))
        neck = scale * z[:, :1]
        return jnp.concatenate([neck, z[:, 1:] * jnp.exp(0.5 * neck)], axis=1)

    return Target(
        name=name or f"funnel-{dim}",
        dim=dim,
        log_density=pointwise(log_density, dim),
        log_z=0.0,
        sample=sample,
        box=(-edge, edge),
        mean=np.zeros(dim),
        std=np.concatenate([[scale], np.full(dim - 1, math.exp(0.25 * scale**2))]),
        prior_std=1.0,
        description=f"Neal's funnel: the log variance of {dim - 1} coordinates is N(0, {scale:g}^2)",
    )
