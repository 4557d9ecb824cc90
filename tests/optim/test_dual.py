"""Gauss-Newton in dual form."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError
from transjet.optim import DualGaussNewton, DualState, Outcome

DAMPING = 0.2
ONE_STEP = {"steps": (1.0,), "damping": DAMPING}


def flat(tree: Any) -> np.ndarray:
    return np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(tree)])


def direction_of(jacobian: np.ndarray, residual: np.ndarray, damping: float, momentum: float, last: Any) -> np.ndarray:
    """The formula of the module, written densely."""
    n = len(residual)
    o, e = jacobian / np.sqrt(n), residual / np.sqrt(n)
    inverse = np.linalg.inv(o @ o.T + damping * np.eye(n))
    return momentum * last + o.T @ inverse @ (e - momentum * o @ last)


def test_a_linear_residual_is_solved_in_one_step(problem: Any, x64: None) -> None:
    linear = problem(lambda u, data: u.value - data, scalars=False)
    x, t = linear.batch.points
    linear = linear._replace(batch=linear.batch._replace(data=2 * x[:, 0] - x[:, 1] + 3 * (2 * t - 1)))
    params, _, info = linear.step(DualGaussNewton(damping=1e-10, damping_range=(1e-12, 1.0)))
    assert Outcome(int(info.outcome)) is Outcome.ACCEPTED
    assert float(info.step_size) == 1.0
    assert float(info.loss_after) < 1e-12 * float(info.loss)
    ((weight, bias),) = params["u"]
    np.testing.assert_allclose(weight[:, 0], [2, -1, 3], rtol=1e-6)
    np.testing.assert_allclose(bias, 0, atol=1e-6)


@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_direction_is_that_of_the_formula(curved: Any, momentum: float) -> None:
    optimiser = DualGaussNewton(momentum=momentum, **ONE_STEP)
    rng = np.random.default_rng(3)
    last = jax.tree.map(lambda a: jnp.asarray(0.01 * rng.standard_normal(a.shape)), curved.params)
    params, state, info = curved.step(optimiser, DualState(jnp.asarray(DAMPING), last))
    residual, jacobian = curved.jacobian()
    expected = direction_of(jacobian, residual, DAMPING, momentum, flat(last))
    assert Outcome(int(info.outcome)) is Outcome.ACCEPTED
    np.testing.assert_allclose(flat(state.direction), expected, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(flat(params), flat(curved.params) - expected, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(info.loss, np.mean(residual**2))
    np.testing.assert_allclose(info.residual_rms, np.sqrt(np.mean(residual**2)))
    after = curved._replace(params=params).jacobian()[0]
    np.testing.assert_allclose(info.loss_after, np.mean(after**2), rtol=1e-8)


def test_robust_rows_are_scaled(curved: Any) -> None:
    residual, jacobian = curved.jacobian()
    scale = 0.5 * np.median(np.abs(residual))
    roots = np.sqrt(np.minimum(1, scale / np.abs(residual)))
    assert np.sum(roots < 1) > 2
    _, state, info = curved.step(DualGaussNewton(robust=0.5, **ONE_STEP))
    expected = direction_of(roots[:, None] * jacobian, roots * residual, DAMPING, 0.0, np.zeros(jacobian.shape[1]))
    np.testing.assert_allclose(flat(state.direction), expected, rtol=1e-8, atol=1e-11)
    assert float(info.loss) < np.mean(residual**2)
    np.testing.assert_allclose(info.residual_rms, np.sqrt(np.mean(residual**2)))


def test_loss_falls_and_stays_finite_in_float32(problem: Any) -> None:
    curved = problem(lambda u, data: u.dt + u.value * u.grad[:, 0] - data, dtype="float32")
    optimiser = DualGaussNewton(momentum=0.5, adapt=2.0)
    state, losses = optimiser.init(curved.params), []
    step = jax.jit(lambda p, s: optimiser.step(curved.equation, p, s, curved.batch))
    params = curved.params
    for _ in range(10):
        params, state, info = step(params, state)
        losses.append(float(info.loss))
    assert {str(leaf.dtype) for leaf in jax.tree.leaves((params, state))} == {"float32"}
    assert losses[-1] < 0.5 * losses[0]
    assert np.all(np.diff(losses) <= 0)


# --- damping ---


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"adapt": 1.0}, DAMPING),
        ({"adapt": 4.0}, DAMPING / 4),
        ({"adapt": 4.0, "damping_range": (0.1, 1.0)}, 0.1),
        ({"adapt": 4.0, "steps": (0.1, 0.05)}, 4 * DAMPING),
        ({"adapt": 4.0, "steps": (0.3,)}, DAMPING),
    ],
)
def test_damping_follows_the_step_size(curved: Any, options: dict[str, Any], expected: float) -> None:
    _, state, info = curved.step(DualGaussNewton(**(ONE_STEP | options)))
    assert Outcome(int(info.outcome)) is Outcome.ACCEPTED
    np.testing.assert_allclose(info.damping, DAMPING)
    np.testing.assert_allclose(state.damping, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"damping": 0.0}, "damping: expected a positive number; got 0.0"),
        ({"damping": float("nan")}, "damping: expected a positive number; got nan"),
        ({"damping": float("inf")}, "damping: expected a positive number; got inf"),
        ({"damping_range": (1e-2, 1.0)}, "damping_range: expected positive bounds around 0.001"),
        ({"damping_range": (0.0, 1.0)}, "damping_range: expected positive bounds around 0.001"),
        ({"adapt": 0.5}, "adapt: expected 1 or more; got 0.5"),
        ({"adapt": float("nan")}, "adapt: expected 1 or more; got nan"),
        ({"steps": ()}, r"steps: expected step sizes in \(0, 1\]; got \(\)"),
        ({"steps": (1.0, 0.0)}, r"steps: expected step sizes in \(0, 1\]"),
        ({"steps": (2.0,)}, r"steps: expected step sizes in \(0, 1\]"),
        ({"momentum": 1.0}, "momentum: expected 0 <= m < 1; got 1.0"),
        ({"momentum": -0.1}, "momentum: expected 0 <= m < 1; got -0.1"),
        ({"robust": -1.0}, "robust: expected 0 or a positive number; got -1.0"),
        ({"robust": float("nan")}, "robust: expected 0 or a positive number; got nan"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DualGaussNewton(**options)
