"""The cpu backend's rows: what they serve, what they refuse, and that the compiled core really runs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.backend import Request, availability, kernels
from transjet.backend.ffi import core_status
from transjet.backend.registry import kernel

ROLES = ("forward", "tangent", "cotangent")
needs_core = pytest.mark.skipif(not core_status().available, reason=core_status().reason)


def request(role: str, *operands: jax.Array | jax.ShapeDtypeStruct) -> Request:
    return Request("null", role, "cpu", None, (), tuple(operands))


def test_availability_is_that_of_the_core() -> None:
    status = core_status()
    assert availability("cpu") == ("cpu", status.available, status.reason)


def test_the_rows_of_this_backend() -> None:
    rows = {(row.op, row.role) for row in kernels() if row.backend == "cpu"}
    three = {(op, role) for op in ("null", "gradient_jet", "laplacian_jet", "divergence_jet") for role in ROLES}
    others = ("gauss_newton", "jacobian_factors", "gram", "cholesky_solve", "ode_transport")
    assert rows == three | {(op, "forward") for op in others}


@needs_core
@pytest.mark.parametrize("role", ROLES)
def test_null_runs_compiled_and_copies_its_last_operand(role: str) -> None:
    row = kernel("null", role, "cpu")
    assert row is not None
    x, direction = jnp.arange(5.0), jnp.arange(5.0) - 2.5
    operands = (x,) if role == "forward" else (x, direction)
    traced = jax.jit(lambda *a: row.run(request(role, *a), *a))
    assert "@transjet_null" in traced.lower(*operands).as_text()
    (result,) = traced(*operands)
    np.testing.assert_array_equal(result, operands[-1])


@pytest.mark.parametrize("role", ROLES)
def test_null_refuses_other_dtypes_by_name(role: str) -> None:
    row = kernel("null", role, "cpu")
    assert row is not None
    assert row.refuses(request(role, jax.ShapeDtypeStruct((3,), jnp.float32))) is None
    reason = row.refuses(request(role, jax.ShapeDtypeStruct((3,), jnp.bfloat16)))
    assert reason == "serves float32 and float64, got bfloat16"
