"""Checks of what users hand to a sampler."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ConfigError, DTypeError, ShapeError


def check_key(key: Any) -> None:
    """A single key, typed or of the legacy kind."""
    dtype = getattr(key, "dtype", None)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key) and key.shape == ()
    if not typed and not (dtype == jnp.uint32 and key.shape == jax.random.PRNGKey(0).shape):
        raise ConfigError(f"init: key: expected one JAX random key; got {key!r}; make one by jax.random.key(seed)")


def check_points(x: Any, dim: int) -> Any:
    """Real numbers of shape (n, dim)."""
    try:
        x = x if isinstance(x, jax.Array) else np.asarray(x)
    except ValueError as error:
        raise ShapeError(f"log_density: x: expected shape (n, {dim}); got rows of different lengths") from error
    if not (jnp.issubdtype(x.dtype, np.floating) or jnp.issubdtype(x.dtype, np.integer)):
        raise DTypeError(f"log_density: x: expected real numbers; got {x.dtype}; pass a float array")
    if x.ndim != 2 or x.shape[1] != dim:
        raise ShapeError(f"log_density: x: expected shape (n, {dim}); got {x.shape}")
    return x
