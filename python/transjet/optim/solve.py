"""Solving damped Gram systems in float64, whatever the precision of the program around them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from transjet import ops

Array = jax.Array


def _eigen(matrix: Array, damping: Array, rhs: Array) -> Array:
    with jax.enable_x64(True):
        a, lam, b = (v.astype(jnp.float64) for v in (matrix, damping, rhs))
        values, vectors = jnp.linalg.eigh(a)
        # Rounding in the products that made the matrix can push its smallest eigenvalues below zero.
        solution = vectors @ ((vectors.T @ b) / (jnp.maximum(values, 0) + lam))
        return solution.astype(rhs.dtype)


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
    dtype = jnp.result_type(matrix, rhs)
    a, lam, b = (jnp.asarray(v, dtype) for v in (matrix, damping, rhs))
    solution = ops.cholesky_solve(a, lam, b)
    # A non-finite matrix has no eigendecomposition either: its NaN passes through to the caller's checks.
    failed = jnp.any(~jnp.isfinite(solution)) & jnp.all(jnp.isfinite(a))
    return jax.lax.cond(failed, _eigen, lambda *_: solution, a, lam, b).astype(rhs.dtype)
