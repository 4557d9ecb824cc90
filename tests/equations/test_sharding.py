"""On a mesh, with points sharded and parameters replicated, every product is that of the whole batch."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from transjet import targets
from transjet.collocation import Points
from transjet.equations import continuity
from transjet.models import MLP
from transjet.paths import BoundaryPath, GaussianPrior

DEVICES, N = 4, 16
SHARDED, REPLICATED = PartitionSpec("points"), PartitionSpec()


@pytest.fixture(scope="module")
def problem():
    path = BoundaryPath(GaussianPrior(2, 3.0), targets.get("gmm-grid").log_density)
    equation = continuity(path, MLP(2, 2, (7,)), MLP(2, 1, (5,)))
    params = equation.init(jax.random.key(0))
    points = Points(jax.random.normal(jax.random.key(1), (N, 2)), jnp.linspace(0.0, 1.0, N))
    return equation, params, points


def on_mesh(function, out):
    mesh = Mesh(np.array(jax.devices()[:DEVICES]), ("points",))
    in_specs = (REPLICATED, Points(SHARDED, SHARDED))
    return jax.jit(jax.shard_map(function, mesh=mesh, in_specs=in_specs, out_specs=out))


def assert_close(got, wanted):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=2e-5, atol=1e-4), got, wanted)


def test_gram_is_the_diagonal_block(problem):
    equation, params, points = problem
    whole = equation.gram(params, points)
    blocks = on_mesh(equation.gram, SHARDED)(params, points)
    step = N // DEVICES
    for start in range(0, N, step):
        rows = slice(start, start + step)
        assert_close(blocks[rows], whole[rows, rows])


def test_transposed_product_is_summed_over_devices(problem):
    equation, params, points = problem

    def product(params, points):
        lin = equation.linearize(params, points)
        return lin.vjp(lin.residual)

    assert_close(on_mesh(product, REPLICATED)(params, points), product(params, points))


def test_gradient_of_the_loss(problem):
    equation, params, points = problem

    def loss(residual):
        return jax.grad(lambda params: jnp.sum(residual(params, points) ** 2))(params)

    assert_close(loss(on_mesh(equation.residual, SHARDED)), loss(equation.residual))
