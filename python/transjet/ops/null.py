"""The operation that does nothing, through every layer: the recipe for all others, and the measure of call overhead."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from transjet.backend import BoundOperation, Choice, Operation
from transjet.ops._operands import as_float_array

Array = jax.Array
_op = BoundOperation(Operation("null", lambda static, x: (x + jnp.zeros((), x.dtype),)))


def explain(x: Any, *, backend: str = "auto", role: str = "forward") -> Choice:
    """What would run for this operand, and why."""
    return _op.explain(None, [as_float_array("null", "x", x)], backend, role)


def null(x: Any, *, backend: str = "auto") -> Array:
    """The identity, computed by the backend's own kernel.

    Args:
        x: float32 or float64 array of any shape.
        backend: "auto", or a backend's name.

    Returns:
        An array equal to x.

    Raises:
        DTypeError: x is not float32 or float64.
        BackendError: the backend asked for by name cannot run.
    """
    return _op(None, [as_float_array("null", "x", x)], backend)[0]
