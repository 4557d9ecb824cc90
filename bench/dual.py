"""The dual Gauss-Newton step of the continuity equation on gmm-grid: N = 1024 points, two networks of 3 x 64."""

import jax

from transjet import ops, targets
from transjet.collocation import UniformBox
from transjet.equations import continuity
from transjet.models import MLP
from transjet.optim import DualGaussNewton
from transjet.paths import BoundaryPath, GaussianPrior

POINTS = 1024
SCALE = 7.0


def problem(points=POINTS, dtype="float32"):
    """Path, equation, parameters and points."""
    target = targets.get("gmm-grid")
    path = BoundaryPath(GaussianPrior(2, target.prior_std), target.log_density)
    equation = continuity(path, MLP(2, 2, input_scale=SCALE), MLP(2, 1, input_scale=SCALE))
    box = UniformBox((-SCALE,) * 2, (SCALE,) * 2)
    return path, equation, equation.init(jax.random.key(0), dtype), box.draw(jax.random.key(1), (), points, 0.0, dtype)


def step_call(backend, points=POINTS, dtype="float32"):
    """The whole step: linearisation, Gram matrix, solve, line search."""
    _, equation, params, batch = problem(points, dtype)
    optimiser = DualGaussNewton()
    state = optimiser.init(params)

    @jax.jit
    def step(params, state, points):
        with ops.use_backend(backend):
            return optimiser.step(equation, params, state, equation.batch(points))

    return lambda: step(params, state, batch)
