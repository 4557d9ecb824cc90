"""Overhead of a call: the null operation through the compiled core against the same identity in pure JAX.

Run with `pytest bench/bench_null.py --benchmark-only`. Small arrays show the cost of the call, large ones
that of the copy; jit compiles both functions.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from transjet import ops
from transjet.backend import availability


@pytest.mark.parametrize("size", [1, 1024, 1_048_576])
@pytest.mark.parametrize("backend", ["cpu", "xla"])
def bench_null(benchmark: Any, backend: str, size: int) -> None:
    state = availability(backend)
    if not state.available:
        pytest.skip(state.reason)
    benchmark.group = f"null, {size} x float32, on {jax.default_backend()}"
    x = jnp.ones(size)
    call = jax.jit(lambda x: ops.null(x, backend=backend))
    call(x).block_until_ready()
    benchmark(lambda: call(x).block_until_ready())
