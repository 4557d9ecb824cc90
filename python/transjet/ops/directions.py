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
        kind: "rademacher" (least variance of independent entries), "normal", or "coordinates": sqrt(d / k) times k
            different coordinate directions, which see the diagonal of A alone.
        dtype: float32 or float64.

    Returns:
        (k, d), or (n, k, d).

    Raises:
        ConfigError: an unknown kind, count or dim below 1, points below 0, or more coordinates than there are.
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
    elif kind == "coordinates":
        return _coordinates(key, shape, dtype)
    else:
        raise ConfigError(
            f"hutchinson_directions: kind: expected 'rademacher', 'normal' or 'coordinates'; got {kind!r}"
        )
    return draws / jnp.sqrt(jnp.asarray(count, dtype))


def _coordinates(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    *points, count, dim = shape
    if count > dim:
        raise ConfigError(f"hutchinson_directions: count: expected at most {dim} different coordinates; got {count}")
    # The largest of independent uniforms are at a random subset.
    _, chosen = jax.lax.top_k(jax.random.uniform(key, (*points, dim)), count)
    return jax.nn.one_hot(chosen, dim, dtype=dtype) * jnp.sqrt(jnp.asarray(dim / count, dtype))
