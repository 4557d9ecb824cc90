"""Mixtures of products of Student-t distributions: heavy tails."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets import _checks
from transjet.targets.base import Target, pointwise
from transjet.targets.gmm import uniform_centres


def student_mixture(
    means: Any, df: float = 2.0, *, name: str = "student-mixture", prior_std: float = 1.0, description: str = ""
) -> Target:
    """Build a normalised mixture of equal weights, each component a product of Student-t's around a centre.

    ``mode_weights`` are the components' weights. They equal the share of the mass nearest to each centre as far as the
    components do not overlap.

    Args:
        means: (m, d) centres of the components.
        df: degrees of freedom nu, positive; without variance up to 2, without mean up to 1.
        name: name of the target.
        prior_std: suggested standard deviation of the prior.
        description: one line for listings.

    Returns:
        The target, with log_z 0, an exact sampler, its centres as modes, and the moments that exist.

    Raises:
        ShapeError: ``means`` is not (m, d) with at least one row and one column.
        ConfigError: ``df`` is not positive.
    """
    means, df = _checks.centres(means), _checks.positive(df, "df")
    count, dim = means.shape
    log_constant = math.lgamma(0.5 * (df + 1)) - math.lgamma(0.5 * df) - 0.5 * math.log(df * math.pi)
    centre = means.mean(axis=0)
    std = np.sqrt(df / (df - 2) + means.var(axis=0)) if df > 2 else None

    def log_density(x: jax.Array) -> jax.Array:
        squares = (x[None, :] - jnp.asarray(means, x.dtype)) ** 2
        parts = -0.5 * (df + 1) * jnp.sum(jnp.log1p(squares / df), axis=1)
        return jax.nn.logsumexp(parts) + (dim * log_constant - math.log(count))

    def sample(key: jax.Array, n: int) -> jax.Array:
        n = _checks.sample_size(n)
        key_component, key_noise = jax.random.split(key)
        noise = _student(key_noise, df, (n, dim))
        component = jax.random.randint(key_component, (n,), 0, count)
        return jnp.asarray(means, noise.dtype)[component] + noise

    return Target(
        name=name,
        dim=dim,
        log_density=pointwise(log_density, dim),
        log_z=0.0,
        sample=sample,
        modes=means,
        mode_weights=np.full(count, 1.0 / count),
        box=(means.min(axis=0) - 10.0, means.max(axis=0) + 10.0),
        mean=centre if df > 1 else None,
        std=std,
        prior_std=prior_std,
        description=description or f"mixture of {count} products of Student-t's with {df:g} degrees of freedom",
    )


def _student(key: jax.Array, df: float, shape: tuple[int, ...]) -> jax.Array:
    if df != 2.0:
        return jax.random.t(key, df, shape)
    # Half a chi-square of two degrees of freedom is exponential: no gamma variates, whose compilation takes seconds.
    key_normal, key_scale = jax.random.split(key)
    normal = jax.random.normal(key_normal, shape)
    return normal / jnp.sqrt(jax.random.exponential(key_scale, shape, normal.dtype))


def student10(dim: int = 50) -> Target:
    """Build the mixture of 10 products of t_2 with centres in [-10, 10]^dim of arXiv 2406.07423.

    Normalised, so log Z = 0. The variance is infinite.

    Args:
        dim: number of coordinates.

    Returns:
        The target ``student10-<dim>``; its centres are those that the literature's JAX codes drew.
    """
    dim = _checks.dimension(dim)
    return student_mixture(
        uniform_centres(10, dim, 10.0),
        name=f"student10-{dim}",
        prior_std=8.0,
        description=f"10 products of Student-t's without variance, centres drawn from [-10, 10]^{dim}",
    )
