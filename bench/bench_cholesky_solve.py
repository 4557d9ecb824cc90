"""`cholesky_solve`: a damped system of 1024 points, solved in float64."""

import jax
import pytest

from transjet import ops
from transjet.backend import availability


@pytest.mark.parametrize("backend", ["cpu", "xla"])
def bench_cholesky_solve(benchmark, backend):
    state = availability(backend)
    if not state.available:
        pytest.skip(state.reason)
    benchmark.group = "cholesky_solve, n = 1024, float32"
    half = jax.random.normal(jax.random.key(0), (1024, 1500)) / 32
    matrix = half @ half.T
    call = jax.jit(lambda a, b: ops.cholesky_solve(a, 1e-3, b, backend=backend))
    benchmark.pedantic(lambda: jax.block_until_ready(call(matrix, matrix[0])), rounds=7, warmup_rounds=2)
