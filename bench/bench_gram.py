"""`gram`: J J^T of the continuity equation's residual."""

import jax
import pytest
from problems import continuity_terms

from transjet import ops
from transjet.backend import availability


@pytest.mark.parametrize("backend", ["cpu", "xla"])
@pytest.mark.parametrize("d", [2, 10])
def bench_gram(benchmark, d, backend):
    state = availability(backend)
    if not state.available:
        pytest.skip(state.reason)
    benchmark.group = f"gram, d = {d}, N = 512, two networks of 3 x 64, float32"
    terms = [t._replace(backend=backend) for t in continuity_terms(512, d, 64)]
    call = jax.jit(lambda: ops.gram(terms))
    benchmark.pedantic(lambda: jax.block_until_ready(call()), rounds=7, warmup_rounds=2)
