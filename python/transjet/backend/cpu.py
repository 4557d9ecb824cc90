"""The cpu backend: which operations the compiled core accelerates, and on what.

A row is an operation's stem and a role. `compiled` has what it shares with the cuda backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from transjet.backend import ffi
from transjet.backend.compiled import JETS, Calls, deepen, deepened, like, refuses_dtypes, term_sizes
from transjet.backend.registry import Kernel, Request, register_kernel, register_probe


def _probe() -> tuple[bool, str]:
    status = ffi.core_status()
    return status.available, status.reason


def _invoke(
    request: Request, target: str, results: list[Any], operands: Sequence[Any], attrs: dict[str, Any]
) -> list[Any]:
    out: list[Any] = ffi.call(target, results, *operands, **attrs)
    return out


def _null(request: Request, *operands: Any) -> list[Any]:
    """The identity is its own tangent and cotangent: every role copies its last operand."""
    x = operands[-1]
    return [ffi.call("transjet_null", jax.ShapeDtypeStruct(x.shape, x.dtype), x)]


def _factor_bytes(request: Request) -> int:
    x = request.avals[0]
    return ffi.factor_bytes(str(x.dtype), x.shape[0], term_sizes(request))


def _jacobian_factors(request: Request, *operands: Any) -> list[Any]:
    words, flat, _, _ = deepened(request.static, operands)
    size = request.static.size
    result = jax.ShapeDtypeStruct((size,), jnp.uint8)
    return [ffi.call("transjet_jacobian_factors", result, *flat, **words, factor_bytes=size)]


def _ode_transport(request: Request, *operands: Any) -> list[Any]:
    x, tau, layers = operands[1], operands[2], operands[3:]
    activation, deep = deepen(request.static, (x, tau), layers)
    results = [*like((x,)), jax.ShapeDtypeStruct(x.shape[:1], x.dtype)]
    out: list[Any] = ffi.call("transjet_ode_transport", results, *operands[:3], *deep, activation=activation)
    return out


def _cholesky_solve(request: Request, *operands: Any) -> list[Any]:
    return [ffi.call("transjet_cholesky_solve", like(operands[-1:])[0], *operands)]


_calls = Calls(_invoke)
register_probe("cpu", _probe)
register_kernel(Kernel("ode_transport", "forward", "cpu", _ode_transport, refuses_dtypes))
register_kernel(Kernel("cholesky_solve", "forward", "cpu", _cholesky_solve, refuses_dtypes))
register_kernel(Kernel("gauss_newton", "forward", "cpu", _calls.gauss_newton, refuses_dtypes))
register_kernel(Kernel("jacobian_factors", "forward", "cpu", _jacobian_factors, refuses_dtypes, _factor_bytes))
register_kernel(Kernel("gram", "forward", "cpu", _calls.gram, refuses_dtypes))
for _role in ("forward", "tangent", "cotangent"):
    register_kernel(Kernel("null", _role, "cpu", _null, refuses_dtypes))
    for _jet in JETS:
        register_kernel(Kernel(_jet, _role, "cpu", getattr(_calls, _role), refuses_dtypes))
