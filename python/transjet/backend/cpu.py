"""The cpu backend: which operations the compiled core accelerates, and on what.

A row is an operation's stem; its kernels are called by that stem with the prefix "transjet_".
"""

from __future__ import annotations

from typing import Any

import jax

from transjet.backend import ffi
from transjet.backend.registry import Kernel, Request, register_kernel, register_probe

_DTYPES = ("float32", "float64")


def _probe() -> tuple[bool, str]:
    status = ffi.core_status()
    return status.available, status.reason


def _refuses(request: Request) -> str | None:
    wrong = [str(aval.dtype) for aval in request.avals if str(aval.dtype) not in _DTYPES]
    return f"serves {' and '.join(_DTYPES)}, got {', '.join(wrong)}" if wrong else None


def _null(request: Request, *operands: Any) -> list[Any]:
    """The identity is its own tangent and cotangent: every role copies its last operand."""
    x = operands[-1]
    return [ffi.call("transjet_null", jax.ShapeDtypeStruct(x.shape, x.dtype), x)]


register_probe("cpu", _probe)
for _role in ("forward", "tangent", "cotangent"):
    register_kernel(Kernel("null", _role, "cpu", _null, _refuses))
