"""Random directions for the Hutchinson estimator of a Laplacian or a divergence."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from transjet.errors import ConfigError

Array = jax.Array


def hutchinson_directions(
    key: Array,
    count: int,
    dim: int,
    *,
    points: int | None = None,
    kind: str = "rademacher",
    dtype: Any = jnp.float32,
) -> Array:
    """Directions v_1..v_k with E[sum_k v_k v_k^T] = I, so that sum_k v_k^T A v_k estimates tr A without bias.

    Args:
        key: JAX random key.
        count: k, number of directions.
        dim: d, number of coordinates.
        points: None for directions shared by all points, or their number n for independent ones.
        kind: "rademacher" (least variance) or "normal".
        dtype: float32 or float64.

    Returns:
        (k, d), or (n, k, d).

    Raises:
        ConfigError: an unknown kind, count or dim below 1, or points below 0.
    """
    if count < 1 or dim < 1:
        raise ConfigError(f"hutchinson_directions: expected count and dim of at least 1; got {count} and {dim}")
    if points is not None and points < 0:
        raise ConfigError(f"hutchinson_directions: points: expected None, or at least 0; got {points}")
    shape = (count, dim) if points is None else (points, count, dim)
    if kind == "rademacher":
        draws = jax.random.rademacher(key, shape, dtype)
    elif kind == "normal":
        draws = jax.random.normal(key, shape, dtype)
    else:
        raise ConfigError(f"hutchinson_directions: kind: expected 'rademacher' or 'normal'; got {kind!r}")
    return draws / jnp.sqrt(jnp.asarray(count, dtype))
