"""Transport by fixed steps: order of convergence, exact solutions, both directions."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from transjet.errors import ConfigError
from transjet.models import DivergenceJet
from transjet.transport import ode_transport

MATRIX = np.array([[0.3, -1.2], [0.8, -0.5]])


def rotation(x: Any, t: Any) -> DivergenceJet:
    """dx/dt = A x."""
    return DivergenceJet(x @ MATRIX.T.astype(x.dtype), jnp.full(x.shape[:1], np.trace(MATRIX), x.dtype))


def growth(x: Any, t: Any) -> DivergenceJet:
    """dx/dt = 2 cos(3 t) x, whose flow multiplies by exp(2/3 sin(3 t))."""
    rate = 2 * jnp.cos(3 * t)
    return DivergenceJet(rate[:, None] * x, x.shape[1] * rate)


FACTOR = np.exp(2 / 3 * np.sin(3.0))


def points(n: int = 5, dtype: str = "float64") -> jax.Array:
    return jnp.asarray(np.random.default_rng(0).standard_normal((n, 2)), dtype)


def test_an_autonomous_linear_field(x64: None) -> None:
    x = points()
    moved = ode_transport(rotation, x)
    np.testing.assert_allclose(moved.x, x @ expm(MATRIX).T, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(moved.change, np.trace(MATRIX), rtol=1e-12)


def decay(x: Any, t: Any) -> DivergenceJet:
    """dx/dt = -x^3 in every coordinate, whose flow is x / sqrt(1 + 2 t x^2)."""
    return DivergenceJet(-(x**3), -3 * jnp.sum(x**2, axis=1))


@pytest.mark.parametrize("sign", [1, -1], ids=["forward", "reverse"])
def test_errors_fall_with_the_fourth_power_of_the_step(sign: int, x64: None) -> None:
    x = 0.5 * jnp.tanh(points())
    stretch = 1 + sign * 2 * x**2
    errors = []
    for steps in (10, 20, 40):
        moved = ode_transport(decay, x, steps=steps, reverse=sign < 0)
        change = moved.change + 1.5 * jnp.sum(jnp.log(stretch), axis=1)
        errors.append([np.max(np.abs(moved.x - x / jnp.sqrt(stretch))), np.max(np.abs(change))])
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    np.testing.assert_allclose(orders, 4, atol=0.35)


@pytest.mark.parametrize("reverse", [False, True])
def test_stages_see_their_own_times(reverse: bool, x64: None) -> None:
    x, factor = points(), FACTOR ** (-1 if reverse else 1)
    moved = ode_transport(growth, x, reverse=reverse)
    np.testing.assert_allclose(moved.x, factor * x, rtol=1e-7)
    np.testing.assert_allclose(moved.change, 2 * np.log(factor), rtol=1e-7)


def test_there_and_back_again(x64: None) -> None:
    x = points()
    there = ode_transport(growth, x)
    back = ode_transport(growth, there.x, reverse=True)
    np.testing.assert_allclose(back.x, x, rtol=1e-7)
    np.testing.assert_allclose(back.change, -there.change, rtol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_shapes_and_dtypes(n: int, dtype: str, x64: None) -> None:
    moved = ode_transport(growth, points(n, dtype), steps=3)
    assert (moved.x.shape, moved.change.shape) == ((n, 2), (n,))
    assert (str(moved.x.dtype), str(moved.change.dtype)) == (dtype, dtype)


def test_the_program_does_not_grow_with_the_steps() -> None:
    x = points(2, "float32")
    few, many = (jax.make_jaxpr(lambda x, k=k: ode_transport(rotation, x, steps=k))(x) for k in (10, 1000))
    assert len(few.eqns) == len(many.eqns)


@pytest.mark.parametrize("steps", [0, -1])
def test_fewer_than_one_step_are_refused(steps: int) -> None:
    with pytest.raises(ConfigError, match=f"ode_transport: steps: expected at least 1; got {steps}"):
        ode_transport(rotation, points(1, "float32"), steps=steps)
