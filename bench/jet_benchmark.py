"""What the benchmarks of the jets have in common."""

import pytest
from problems import term, transjet_call, waiting

from transjet.backend import availability


def run(benchmark, jet, d, role, backend, n=2048, width=64):
    """Time one role of a jet, after compilation."""
    state = availability(backend)
    if not state.available:
        pytest.skip(state.reason)
    benchmark.group = f"{jet}, {role}, d = {d}, N = {n}, 3 x {width}, float32"
    call = waiting(transjet_call(role, [term(jet, n, d, width)], backend))
    benchmark.pedantic(call, rounds=7, warmup_rounds=2)
