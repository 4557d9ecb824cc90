"""A whole dual Gauss-Newton step of the continuity equation on gmm-grid, against the same step in plain JAX.

N = 1024 points, two networks of 3 hidden layers of 64: linearisation, Gram matrix, solve and line search.
"""

import jax
import pytest
from dual import SCALE, problem, step_call
from jax.flatten_util import ravel_pytree
from plain_jax import continuity_residual, dual_step

from transjet.optim import DualGaussNewton

GROUP = "dual Gauss-Newton step, gmm-grid, N = 1024"


@pytest.mark.parametrize("backend", ["auto", "xla"])
def bench_transjet(benchmark, backend):
    benchmark.group = GROUP
    step = step_call(backend)
    benchmark.pedantic(lambda: jax.block_until_ready(step()), rounds=7, warmup_rounds=2)


def bench_plain_jax(benchmark):
    benchmark.group = GROUP
    path, _, params, points = problem()
    flat, _ = ravel_pytree(params)
    optimiser = DualGaussNewton()
    residual = continuity_residual(path.prior, path.log_rho, SCALE)
    step = jax.jit(dual_step(residual, params, optimiser.damping, optimiser.steps))
    jax.block_until_ready(step(flat, *points))
    benchmark.pedantic(lambda: jax.block_until_ready(step(flat, *points)), rounds=7, warmup_rounds=1)
