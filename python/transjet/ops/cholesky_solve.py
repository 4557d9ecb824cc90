"""(A + damping I)^-1 b in float64, the solve of Gauss-Newton methods in the space of points."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from transjet.backend import BoundOperation, Choice, Operation
from transjet.errors import DTypeError, ShapeError
from transjet.ops._operands import as_float_array

Array = jax.Array


def _reference(static: None, matrix: Array, damping: Array, rhs: Array) -> tuple[Array]:
    with jax.enable_x64(True):
        a, lam, b = (v.astype(jnp.float64) for v in (matrix, damping, rhs))
        factor = jnp.linalg.cholesky(a + lam * jnp.eye(a.shape[0]), symmetrize_input=False)
        return (jax.scipy.linalg.cho_solve((factor, True), b).astype(rhs.dtype),)


_op = BoundOperation(Operation("cholesky_solve", _reference))


def _prepare(matrix: Any, damping: Any, rhs: Any) -> list[Array]:
    a, b = as_float_array("cholesky_solve", "matrix", matrix), as_float_array("cholesky_solve", "rhs", rhs)
    if b.ndim != 1 or a.shape != 2 * b.shape:
        raise ShapeError(f"cholesky_solve: expected matrix (n, n) and rhs (n,); got {a.shape} and {b.shape}")
    if jnp.shape(damping):
        raise ShapeError(f"cholesky_solve: damping: expected a scalar; got shape {jnp.shape(damping)}")
    if a.dtype != b.dtype:
        raise DTypeError(f"cholesky_solve: expected matrix and rhs of one dtype; got {a.dtype} and {b.dtype}")
    return [a, jnp.asarray(damping, a.dtype), b]


def explain(matrix: Any, damping: Any, rhs: Any, *, backend: str = "auto", role: str = "forward") -> Choice:
    """What would run for these operands, and why."""
    return _op.explain(None, _prepare(matrix, damping, rhs), backend, role)


def cholesky_solve(matrix: Any, damping: Any, rhs: Any, *, backend: str = "auto") -> Array:
    """(A + damping I)^-1 b by a Cholesky factorisation in float64, whatever the operands' precision.

    Args:
        matrix: A, symmetric (n, n), float32 or float64; only its lower triangle counts.
        damping: scalar.
        rhs: b, (n,), of A's dtype.
        backend: "auto", or a backend's name.

    Returns:
        (n,) in b's dtype; not finite where A + damping I is not positive definite.

    Raises:
        DTypeError: operands that are not float32 or float64, or of two dtypes.
        ShapeError: operands that do not fit each other.
        BackendError: the backend asked for by name cannot run.
    """
    return _op(None, _prepare(matrix, damping, rhs), backend)[0]
