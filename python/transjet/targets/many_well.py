"""Many-well targets: a product of quartic double wells and standard Gaussians."""

from __future__ import annotations

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ConfigError
from transjet.targets import _checks
from transjet.targets._quartic import QuarticWell
from transjet.targets.base import Target, pointwise

# 2^16 modes are listed at most: more cannot be told apart by any feasible number of samples.
_MOST_WELLS = 16


def many_well(dim: int, wells: int, delta: float, *, name: str | None = None, prior_std: float = 1.0) -> Target:
    """Build the many-well target of arXiv 2407.07873.

    log rho(x) = - sum_{i <= wells} (x_i^2 - delta)^2 - 1/2 sum_{i > wells} x_i^2, with 2^wells equal modes.

    Args:
        dim: number of coordinates.
        wells: number of coordinates with two wells, 1 <= wells <= min(dim, 16).
        delta: square of the position of the wells, positive.
        name: name of the target; made of the numbers by default.
        prior_std: suggested standard deviation of the prior.

    Returns:
        The target, with exact log_z, sampler, modes and moments.

    Raises:
        ConfigError: ``wells`` or ``delta`` is out of range.
    """
    dim, wells = _checks.dimension(dim), _checks.dimension(wells)
    if wells > min(dim, _MOST_WELLS):
        raise ConfigError(f"wells must be at most min(dim, {_MOST_WELLS}) = {min(dim, _MOST_WELLS)}, got {wells}")
    well = QuarticWell(delta)
    modes = _modes(dim, wells, well.delta)
    edge = np.where(np.arange(dim) < wells, math.sqrt(well.delta) + 1.5, 4.0)

    def log_density(x: jax.Array) -> jax.Array:
        return -jnp.sum((x[:wells] ** 2 - well.delta) ** 2) - 0.5 * jnp.sum(x[wells:] ** 2)

    def sample(key: jax.Array, n: int) -> jax.Array:
        n = _checks.sample_size(n)
        key_wells, key_rest = jax.random.split(key)
        rest = jax.random.normal(key_rest, (n, dim - wells))
        return jnp.concatenate([well.sample(key_wells, (n, wells)), rest], axis=1)

    return Target(
        name=name or f"many-well-{dim}-{wells}-{well.delta:g}",
        dim=dim,
        log_density=pointwise(log_density, dim),
        log_z=wells * well.log_z + 0.5 * (dim - wells) * math.log(2.0 * math.pi),
        sample=sample,
        modes=modes,
        mode_weights=np.full(len(modes), 1.0 / len(modes)),
        box=(-edge, edge),
        mean=np.zeros(dim),
        std=np.where(np.arange(dim) < wells, math.sqrt(well.variance), 1.0),
        prior_std=prior_std,
        description=f"{wells} double wells (delta {well.delta:g})"
        + (f" times {dim - wells} standard Gaussians" if dim > wells else ""),
    )


def _modes(dim: int, wells: int, delta: float) -> np.ndarray:
    signs: Any = list(itertools.product((-1.0, 1.0), repeat=wells))
    return np.pad(math.sqrt(delta) * np.array(signs), ((0, 0), (0, dim - wells)))
