"""Log density, gradient and Laplacian of a target at many points."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

Array = jax.Array


def _laplacian(f: Callable[[Array], Array], x: Array) -> Array:
    """Sum of second derivatives of f at one point, one direction at a time so that memory stays that of a gradient."""
    basis = jnp.eye(x.shape[0], dtype=x.dtype)
    return jnp.sum(jax.lax.map(lambda v: jax.jvp(jax.grad(f), (x,), (v,))[1] @ v, basis))


def target_data(
    log_rho: Callable[[Array], Array], x: Array, second_order: bool = False, clip: float = 0.0
) -> tuple[Array, Array, Array | None]:
    """log rho (n,), its gradient (n, d) and Laplacian (n,), or None without second order, at x (n, d).

    Args:
        log_rho: `(d,) -> scalar`.
        x: points.
        second_order: compute the Laplacian.
        clip: longest gradient; longer ones are shortened to it, and the Laplacian in proportion. 0: none is.
    """
    value, grad = jax.vmap(jax.value_and_grad(log_rho))(x)
    lap = jax.vmap(lambda point: _laplacian(log_rho, point))(x) if second_order else None
    if not clip:
        return value, grad, lap
    length = jnp.sqrt(jnp.sum(grad * grad, axis=1))
    factor = jnp.minimum(1, clip / jnp.maximum(length, jnp.finfo(x.dtype).tiny)).astype(x.dtype)
    return value, factor[:, None] * grad, None if lap is None else factor * lap
