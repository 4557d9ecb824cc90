"""Solving damped Gram systems in float64, whatever the precision of the program around them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

Array = jax.Array


def _cholesky(matrix: Array, damping: Array, rhs: Array) -> Array:
    shifted = matrix + damping * jnp.eye(matrix.shape[0], dtype=matrix.dtype)
    return jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(shifted), True), rhs)


def _eigen(matrix: Array, damping: Array, rhs: Array) -> Array:
    values, vectors = jnp.linalg.eigh(matrix)
    # Rounding in the products that made the matrix can push its smallest eigenvalues below zero.
    return vectors @ ((vectors.T @ rhs) / (jnp.maximum(values, 0) + damping))


def damped_solve(matrix: Array, damping: Array, rhs: Array) -> Array:
    """(A + damping I)^-1 b for a symmetric, up to rounding positive semidefinite A.

    Cholesky in float64; where rounding in A makes that fail, its eigendecomposition with eigenvalues clipped at zero.

    Args:
        matrix: A, (n, n), float32 or float64.
        damping: positive scalar.
        rhs: b, (n,).

    Returns:
        (n,), in b's dtype.
    """
    with jax.enable_x64(True):
        a, lam, b = (jnp.asarray(v).astype(jnp.float64) for v in (matrix, damping, rhs))
        # A non-finite matrix has no eigendecomposition either: its NaN passes through to the caller's checks.
        solution = _cholesky(a, lam, b)
        failed = jnp.any(~jnp.isfinite(solution)) & jnp.all(jnp.isfinite(a))
        solution = jax.lax.cond(failed, _eigen, lambda *_: solution, a, lam, b)
        return solution.astype(rhs.dtype)
