"""Choosing a step size on the batch at hand."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from transjet.equations import Batch, Equation, Points
from transjet.optim.line_search import grid_search

N = 3
BATCH = Batch(Points(jnp.zeros((N, 1)), jnp.zeros(N)), None)
LAW = Equation({}, lambda points, data, a: jnp.full(N, a), {"a": 0.0}, scalar_gain=1.0)
STEPS = (1.0, 0.5, 0.25, 0.125)


def search(loss: Any, direction: float = 1.0) -> tuple[float, float]:
    """From a = 3 along -direction."""
    found = grid_search(LAW, {"a": jnp.float32(3)}, {"a": jnp.float32(direction)}, BATCH, STEPS, loss)
    return float(found[0]), float(found[1])


@pytest.mark.parametrize(("target", "expected"), [(0.0, 1.0), (2.6, 0.5), (2.8, 0.25), (2.99, 0.125), (9.0, 0.125)])
def test_the_best_of_the_grid_wins(target: float, expected: float) -> None:
    step, loss = search(lambda residual: jnp.mean((residual - target) ** 2))
    assert step == expected
    np.testing.assert_allclose(loss, (3 - expected - target) ** 2, rtol=1e-5)


def test_the_first_of_equals_wins() -> None:
    assert search(lambda residual: jnp.float32(7), direction=0.0) == (1.0, 7.0)


def test_steps_that_leave_the_domain_are_passed_over() -> None:
    step, loss = search(lambda residual: jnp.where(residual[0] < 2.7, jnp.inf, residual[0]))
    assert (step, loss) == (0.25, 2.75)


def test_without_a_finite_step_the_loss_is_infinite() -> None:
    assert search(lambda residual: jnp.inf + residual[0])[1] == np.inf
