"""Mixtures of isotropic Gaussians: any, the 3 x 3 grid, and the 40 random components of the literature."""

from __future__ import annotations

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets import _checks
from transjet.targets.base import Target, pointwise


def gaussian_mixture(
    means: Any,
    variance: float = 1.0,
    weights: Any = None,
    *,
    name: str = "gmm",
    prior_std: float = 1.0,
    description: str = "",
) -> Target:
    """Build a normalised mixture of Gaussians N(mean_k, variance I).

    ``mode_weights`` are the components' weights. They equal the share of the mass nearest to each centre as
    far as the components do not overlap.

    Args:
        means: (m, d) centres of the components.
        variance: variance of every coordinate of a component, positive.
        weights: (m,) positive weights that sum to 1; equal by default.
        name: name of the target.
        prior_std: suggested standard deviation of the prior.
        description: one line for listings.

    Returns:
        The target, with log_z 0, an exact sampler, its centres as modes and exact moments.

    Raises:
        ShapeError: ``means`` is not (m, d) with at least one row and one column.
        TargetError: ``weights`` are not positive or do not sum to 1.
        ConfigError: ``variance`` is not positive.
    """
    means = _checks.centres(means)
    count, dim = means.shape
    variance = _checks.positive(variance, "variance")
    shares = np.full(count, 1.0 / count) if weights is None else _checks.weights(weights, count, "weights")
    scale, centre = math.sqrt(variance), shares @ means
    log_shares = np.log(shares) - 0.5 * dim * math.log(2.0 * math.pi * variance)

    def log_density(x: jax.Array) -> jax.Array:
        # Differences first: expanding the square would cancel digits in float32 when centres lie far out.
        squares = jnp.sum((x[None, :] - jnp.asarray(means, x.dtype)) ** 2, axis=1)
        return jax.nn.logsumexp(jnp.asarray(log_shares, x.dtype) - squares / (2.0 * variance))

    def sample(key: jax.Array, n: int) -> jax.Array:
        n = _checks.sample_size(n)
        key_component, key_noise = jax.random.split(key)
        noise = jax.random.normal(key_noise, (n, dim))
        component = jax.random.categorical(key_component, jnp.asarray(log_shares, noise.dtype), shape=(n,))
        return jnp.asarray(means, noise.dtype)[component] + scale * noise

    return Target(
        name=name,
        dim=dim,
        log_density=pointwise(log_density, dim),
        log_z=0.0,
        sample=sample,
        modes=means,
        mode_weights=shares,
        box=(means.min(axis=0) - 4.0 * scale, means.max(axis=0) + 4.0 * scale),
        mean=centre,
        std=np.sqrt(variance + shares @ (means - centre) ** 2),
        prior_std=prior_std,
        description=description or f"mixture of {count} Gaussians of variance {variance:g}",
    )


def gmm_grid() -> Target:
    """Build the mixture of 9 Gaussians with centres {-5, 0, 5}^2 and covariance 0.3 I (arXiv 2407.07873)."""
    return gaussian_mixture(
        list(itertools.product((-5.0, 0.0, 5.0), repeat=2)),
        variance=0.3,
        name="gmm-grid",
        prior_std=3.0,
        description="9 well separated Gaussians on a 3 x 3 grid",
    )


def gmm40(dim: int = 2) -> Target:
    """Build the mixture of 40 unit Gaussians with random centres in [-40, 40]^dim.

    Args:
        dim: number of coordinates.

    Returns:
        The target ``gmm40-<dim>``; its centres are those that the literature's JAX codes drew.
    """
    dim = _checks.dimension(dim)
    return gaussian_mixture(
        uniform_centres(40, dim, 40.0),
        name=f"gmm40-{dim}",
        prior_std=25.0,
        description=f"40 unit Gaussians with centres drawn uniformly from [-40, 40]^{dim}",
    )


def uniform_centres(count: int, dim: int, half_width: float) -> np.ndarray:
    """Draw half_width * U(-1, 1), (count, dim), from key 0 in float32 as JAX before version 0.5 did by default."""
    with jax.ensure_compile_time_eval(), jax.threefry_partitionable(False):
        key = jax.random.key(0, impl="threefry2x32")
        unit = jax.random.uniform(key, (count, dim), dtype=jnp.float32, minval=-1.0, maxval=1.0)
        return half_width * np.asarray(unit)
