"""A whole Gauss-Newton step with nothing but the device: no number goes to the host and back."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from dual import step_call
from gpu_cases import error

from transjet.optim import Outcome

POINTS = 192
# Between two ways to add up: the step solves a system that damping alone keeps from being singular.
TOLERANCE = {"float32": 2e-2, "float64": 1e-7}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whole_step(dtype: str, backend: str) -> None:
    with (
        jax.enable_x64(dtype == "float64"),
        jax.default_matmul_precision("highest"),
        jax.numpy_dtype_promotion("standard"),  # optax mixes dtypes
    ):
        step = step_call(backend, POINTS, dtype)
        first = jax.block_until_ready(step())
        with jax.transfer_guard("disallow"):
            second = jax.block_until_ready(step())
        params, _, info = jax.tree.map(np.asarray, second)
        expected = jax.tree.map(np.asarray, step_call("xla", POINTS, dtype)())
        assert error(jax.tree.map(np.asarray, first[0]), params) == 0
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(params)} == {dtype}
    assert Outcome(int(info.outcome)) is Outcome.ACCEPTED
    assert info.loss_after < info.loss
    assert error(params, expected[0]) < TOLERANCE[dtype]
    assert abs(info.loss / expected[2].loss - 1) < TOLERANCE[dtype]
