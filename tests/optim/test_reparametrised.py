"""Optimisers on factorised weights and on features of time, and averages of parameters."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from transjet.collocation import Points
from transjet.equations import Equation, Unknown
from transjet.errors import ConfigError
from transjet.models import MLP, TimeFeatures
from transjet.optim import DualGaussNewton, FirstOrder, PrimalGaussNewton, moving_average

FACTORED = MLP(2, 1, (3,), last_gain=1.0, factorised=True)
DAMPING = 0.2


@pytest.fixture
def factored(problem: Any, x64: None) -> Any:
    return problem(lambda u, data: u.dt + u.value * u.grad[:, 0] - data, model=FACTORED)


def flat(tree: Any) -> np.ndarray:
    return np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(tree)])


def test_the_primal_step_is_that_of_the_factors_own_jacobian(factored: Any) -> None:
    residual, jacobian = factored.jacobian()
    assert jacobian.shape[1] == 2 * 3 + 3 + 3 + 3 + 3 + 1 + 1 + 1
    n = len(residual)
    expected = np.linalg.solve(
        jacobian.T @ jacobian / n + DAMPING * np.eye(jacobian.shape[1]), jacobian.T @ residual / n
    )
    optimiser = PrimalGaussNewton(damping=DAMPING, iterations=500, tolerance=1e-13, steps=(1.0,))
    _, state, info = factored.step(optimiser)
    assert int(info.outcome) == 0
    np.testing.assert_allclose(flat(state.direction), expected, rtol=1e-6, atol=1e-10)


def test_the_gradient_is_that_of_the_factors(factored: Any) -> None:
    residual, jacobian = factored.jacobian()
    params, _, _ = factored.step(FirstOrder(optax.sgd(1.0)))
    np.testing.assert_allclose(
        flat(factored.params) - flat(params), 2 * jacobian.T @ residual / len(residual), rtol=1e-8, atol=1e-12
    )


def test_products_with_factors_kept_in_memory_agree(factored: Any) -> None:
    lin = factored.equation.linearize(factored.params, factored.batch)
    v = jax.tree.map(jnp.cos, factored.params)
    _, jacobian = factored.jacobian()
    np.testing.assert_allclose(lin.jvp(v), jacobian @ flat(v), rtol=1e-9)
    for factors in (None, lin.factors(2**20)):
        np.testing.assert_allclose(flat(lin.gauss_newton(v, None, factors)), jacobian.T @ jacobian @ flat(v), rtol=1e-8)


def test_the_dual_form_refuses_factors(factored: Any) -> None:
    with pytest.raises(
        ConfigError, match="gram: expected networks without factorised weights; got u; use gauss-newton-cg"
    ):
        factored.step(DualGaussNewton())


def test_features_of_time_are_learned_end_to_end(x64: None) -> None:
    """du/dt = pi cos(pi t) - 4 pi sin(2 pi t) has the solution sin(pi t) + 2 cos(2 pi t), one step away."""
    model = MLP(1, 1, (), time=TimeFeatures(2), last_gain=1.0)
    equation = Equation(
        {"u": Unknown(model, "gradient_jet")},
        lambda p, data, u: u.dt - jnp.pi * jnp.cos(jnp.pi * p.t) + 4 * jnp.pi * jnp.sin(2 * jnp.pi * p.t),
    )
    params = equation.init(jax.random.key(0), jnp.float64)
    batch = equation.batch(Points(jnp.zeros((40, 1)), jnp.linspace(0, 1, 40)))
    optimiser = DualGaussNewton(damping=1e-10, damping_range=(1e-12, 1.0))
    params, _, info = optimiser.step(equation, params, optimiser.init(params), batch)
    assert float(info.loss_after) < 1e-10
    # Coefficients of x, of t, of both sines, of both cosines; nothing is said about x.
    np.testing.assert_allclose(params["u"][0][0][1:, 0], [0, 1, 0, 0, 2], atol=1e-5)


# --- averages ---


def test_an_average_forgets_at_the_given_rate() -> None:
    average = {"a": jnp.zeros(2)}
    for _ in range(10):
        average = moving_average(average, {"a": jnp.array([1.0, -2.0])}, 0.9, jnp.int32(1000))
    np.testing.assert_allclose(average["a"], (1 - 0.9**10) * np.array([1, -2]), rtol=1e-5)


def test_an_average_forgets_the_start_sooner() -> None:
    average, count = jnp.float32(100.0), 30
    for k in range(count):
        average = moving_average(average, jnp.float32(1.0), 0.999, jnp.int32(k))
    kept = np.prod([(1 + k) / (10 + k) for k in range(count)])
    np.testing.assert_allclose(average, 1 + 99 * kept, rtol=1e-5)
    assert float(moving_average(jnp.float32(5.0), jnp.float32(1.0), 0.0, jnp.int32(3))) == 1.0
