"""The operation that does nothing."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import served_by

from transjet import ops
from transjet.errors import BackendError, DTypeError


@pytest.mark.parametrize("backend", served_by("null"))
@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (3, 0), (3, 5, 2)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_returns_its_operand(shape: tuple[int, ...], dtype: str, backend: str, x64: None) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    for y in (ops.null(x, backend=backend), jax.jit(lambda x: ops.null(x, backend=backend))(x)):
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, x)


def test_lists_of_numbers_are_arrays() -> None:
    np.testing.assert_array_equal(ops.null([1.0, 2.5]), np.array([1.0, 2.5], np.float32))


@pytest.mark.parametrize("backend", served_by("null"))
def test_nan_and_infinity_pass_through(backend: str) -> None:
    x = jnp.array([jnp.nan, jnp.inf, -jnp.inf, 1.0])
    np.testing.assert_array_equal(ops.null(x, backend=backend), x)


@pytest.mark.parametrize(
    "x",
    [jnp.arange(3), jnp.ones(2, jnp.bfloat16), jnp.ones(2, jnp.float16), jnp.ones(2, complex), True, None, "text"],
    ids=str,
)
def test_other_dtypes_are_refused(x: Any) -> None:
    with pytest.raises(DTypeError, match="null: x: expected float32 or float64; got "):
        ops.null(x)


def test_unknown_backend_is_refused() -> None:
    with pytest.raises(BackendError, match="got 'fpga'"):
        ops.null(1.0, backend="fpga")
