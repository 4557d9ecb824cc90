"""What the configuration says about the path reaches the residual."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.config import RunConfig
from transjet.paths import BoundaryPath, GaussianPrior
from transjet.problems import build_problem
from transjet.targets import get

TARGET = get("double-well")
PRIOR = GaussianPrior(1, 2.0)
X, T = jnp.asarray([[-1.0], [0.3], [2.0]]), jnp.asarray([0.2, 0.5, 0.7])


@pytest.mark.parametrize("equation", ["continuity", "fokker-planck"])
def test_the_ratios_are_those_of_the_path(equation):
    options = {"equation": equation, "precision_ratio": 40.0, "variance_ratio": 7.0, "model": {"width": 4, "depth": 1}}
    problem = build_problem(RunConfig.from_dict(options), TARGET, PRIOR)
    params = problem.equation.init(jax.random.key(0))
    phi = problem.equation.unknowns["potential"].model.jet("gradient_jet", params["potential"], X, T)
    path = BoundaryPath(PRIOR, TARGET.log_density, 40.0, 7.0)
    expected = path.jet(T, path.data(X), phi, jnp.zeros(()))
    assert problem.log_density is not None
    got = problem.log_density(params)(X, T)
    for name in ("value", "dt", "grad"):
        np.testing.assert_allclose(getattr(got, name), getattr(expected, name), rtol=1e-6, atol=1e-6)
    linear = BoundaryPath(PRIOR, TARGET.log_density).jet(T, path.data(X), phi, jnp.zeros(()))
    assert np.max(np.abs(got.value - linear.value)) > 0.1
