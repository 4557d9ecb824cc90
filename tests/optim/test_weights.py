"""Weights of points: a point of weight 2 counts like two points."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from transjet.collocation import Points
from transjet.equations import Equation, Unknown
from transjet.models import MLP
from transjet.optim import DualGaussNewton, DualState, FirstOrder, PrimalGaussNewton
from transjet.optim.robust import huber_loss, huber_scale, row_weights

COUNTS = np.array([1, 3, 0, 2, 1, 0, 2, 1, 1, 0, 0])  # 11 points again after repetition, among them unequal ones

OPTIMISERS = {
    "dual": DualGaussNewton(damping=0.2, adapt=2.0),
    "dual, momentum": DualGaussNewton(damping=0.2, momentum=0.6),
    "dual, robust": DualGaussNewton(damping=0.2, robust=0.7),
    "primal, robust": PrimalGaussNewton(damping=0.2, robust=0.7, momentum=0.3, iterations=200, tolerance=1e-12),
    "adam": FirstOrder(optax.adam(0.1, eps=1.0)),  # the first step of a small eps has the size of the rate
    "descent, robust": FirstOrder(optax.sgd(0.1), robust=0.7),
}


def repeated(problem: Any) -> Any:
    points = Points(*(jnp.repeat(a, COUNTS, axis=0) for a in problem.batch.points))
    return problem._replace(batch=problem.equation.batch(points))


def weighted(problem: Any) -> Any:
    weights = jnp.asarray(COUNTS, problem.batch.points.t.dtype)
    return problem._replace(batch=problem.batch._replace(weights=weights))


def start(optimiser: Any, problem: Any) -> Any:
    state = optimiser.init(problem.params)
    if not isinstance(state, DualState):
        return state
    return state._replace(direction=jax.tree.map(lambda a: 0.05 * a, problem.params))


@pytest.mark.parametrize("optimiser", OPTIMISERS.values(), ids=OPTIMISERS.keys())
def test_a_weighted_step_is_the_step_on_repeated_points(curved: Any, optimiser: Any) -> None:
    one, plain = weighted(curved), repeated(curved)
    assert plain.batch.points.t.shape == curved.batch.points.t.shape
    params, state, info = one.step(optimiser, start(optimiser, one))
    other, other_state, other_info = plain.step(optimiser, start(optimiser, plain))
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-10)  # noqa: E731
    jax.tree.map(close, params, other)
    jax.tree.map(close, state, other_state)
    jax.tree.map(close, info, other_info)
    unweighted = curved.step(optimiser, start(optimiser, curved))[0]
    moved = [float(jnp.abs(a - b).max()) for a, b in zip(*map(jax.tree.leaves, (params, unweighted)), strict=True)]
    assert max(moved) > 1e-4


def test_weights_reach_every_residual_of_a_point() -> None:
    weights = jnp.array([1.0, 2.0, 0.0])
    np.testing.assert_array_equal(row_weights(weights, jnp.zeros(6)), [1, 2, 0, 1, 2, 0])
    assert row_weights(None, jnp.zeros(6)) is None
    assert row_weights(jnp.zeros(0), jnp.zeros(0)).shape == (0,)


@pytest.mark.parametrize("seed", range(4))
def test_the_median_is_that_of_repeated_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, 9)
    counts[0] += 1 - counts.sum() % 2  # odd and even totals
    values = jnp.asarray(rng.standard_normal(9), jnp.float32)
    repeats = np.repeat(np.abs(values), counts)
    np.testing.assert_allclose(
        huber_scale(values, 1.0, jnp.asarray(counts, jnp.float32)), np.median(repeats), rtol=1e-6
    )
    even = np.append(counts, [1])
    more = jnp.append(values, 0.5)
    np.testing.assert_allclose(
        huber_scale(more, 1.0, jnp.asarray(even, jnp.float32)), np.median(np.repeat(np.abs(more), even)), rtol=1e-6
    )


def test_a_nan_at_a_point_without_weight_is_still_seen() -> None:
    residual = jnp.array([1.0, jnp.nan])
    assert float(huber_loss(residual, jnp.float32(jnp.inf), jnp.array([2.0, 0.0]))) == np.inf


def test_importance_weights_leave_the_expected_gradient(x64: None) -> None:
    """Points from a Gaussian cloud, weighted to be uniform ones: the gradient of the uniform loss."""
    equation = Equation(
        {"u": Unknown(MLP(1, 1, (), last_gain=1.0), "gradient_jet")}, lambda p, d, u: u.value - p.x[:, 0] ** 2
    )
    params = equation.init(jax.random.key(0), jnp.float64)
    n = 200_000
    x = 1.0 * jax.random.normal(jax.random.key(1), (n, 1), jnp.float64)
    density = jnp.exp(-0.5 * x[:, 0] ** 2) / np.sqrt(2 * np.pi)
    weights = jnp.where(jnp.abs(x[:, 0]) < 1, 0.5 / density, 0)
    uniform = jnp.linspace(-1, 1, 20_001)[:, None]
    descend = FirstOrder(optax.sgd(1.0))
    steps = []
    for points, w in ((x, weights), (uniform, None)):
        batch = equation.batch(Points(points, jnp.zeros(points.shape[0])))._replace(weights=w)
        steps.append(descend.step(equation, params, descend.init(params), batch)[0])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=0.02), *steps)
