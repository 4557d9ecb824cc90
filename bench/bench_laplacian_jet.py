"""`laplacian_jet`: forward, J^T u and J^T J v of one network, on every backend that is here."""

import pytest
from jet_benchmark import run


@pytest.mark.parametrize("backend", ["cpu", "xla"])
@pytest.mark.parametrize("role", ["forward", "cotangent", "gauss_newton"])
@pytest.mark.parametrize("d", [2, 10])
def bench_laplacian_jet(benchmark, d, role, backend):
    run(benchmark, "laplacian_jet", d, role, backend)
