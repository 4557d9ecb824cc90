"""A whole dual Gauss-Newton step of the continuity equation on gmm-grid, against the same step in plain JAX.

N = 1024 points, two networks of 3 hidden layers of 64: linearisation, Gram matrix, solve and line search.
"""

import jax
import pytest
from jax.flatten_util import ravel_pytree
from plain_jax import continuity_residual, dual_step

from transjet import targets
from transjet.collocation import UniformBox
from transjet.equations import continuity
from transjet.models import MLP
from transjet.optim import DualGaussNewton
from transjet.paths import BoundaryPath, GaussianPrior

POINTS = 1024
SCALE = 7.0


def _problem():
    target = targets.get("gmm-grid")
    path = BoundaryPath(GaussianPrior(2, target.prior_std), target.log_density)
    equation = continuity(path, MLP(2, 2, input_scale=SCALE), MLP(2, 1, input_scale=SCALE))
    box = UniformBox((-SCALE,) * 2, (SCALE,) * 2)
    points = box.draw(jax.random.key(1), (), POINTS, 0.0, "float32")
    return path, equation, equation.init(jax.random.key(0)), points


@pytest.mark.benchmark(group="dual Gauss-Newton step, gmm-grid, N = 1024")
def bench_transjet(benchmark):
    _, equation, params, points = _problem()
    optimiser = DualGaussNewton()
    state = optimiser.init(params)

    @jax.jit
    def step(params, state, points):
        return optimiser.step(equation, params, state, equation.batch(points))

    jax.block_until_ready(step(params, state, points))
    benchmark.pedantic(lambda: jax.block_until_ready(step(params, state, points)), rounds=7, warmup_rounds=1)


@pytest.mark.benchmark(group="dual Gauss-Newton step, gmm-grid, N = 1024")
def bench_plain_jax(benchmark):
    path, _, params, points = _problem()
    flat, _ = ravel_pytree(params)
    optimiser = DualGaussNewton()
    residual = continuity_residual(path.prior, path.log_rho, SCALE)
    step = jax.jit(dual_step(residual, params, optimiser.damping, optimiser.steps))
    jax.block_until_ready(step(flat, *points))
    benchmark.pedantic(lambda: jax.block_until_ready(step(flat, *points)), rounds=7, warmup_rounds=1)
