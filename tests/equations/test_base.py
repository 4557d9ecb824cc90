"""Declaring an equation: parameters, data, points, and what is refused."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.collocation import Points
from transjet.equations import Batch, Equation, Unknown
from transjet.errors import ConfigError, ShapeError
from transjet.models import MLP, LaplacianJet

NETWORK = MLP(2, 1, (3,))
POINTS = Points(jnp.array([[0.5, -1.0], [2.0, 0.25], [0.0, 1.0]]), jnp.array([0.0, 0.5, 1.0]))


def heat(points: Any, data: Any, u: Any, conductivity: Any = 1.0) -> Any:
    return u.dt - conductivity * u.laplacian


def law(**options: Any) -> Equation:
    return Equation({"u": Unknown(NETWORK, "laplacian_jet")}, heat, **options)


def test_heat_equation_holds_for_a_decaying_wave(x64: None) -> None:
    # u = exp(-c |k|^2 t) sin(k . x) solves du/dt = c Laplacian u.
    x, t = (a.astype(jnp.float64) for a in POINTS)
    k, c = jnp.array([1.0, -2.0]), 0.3
    square = k @ k
    decay, sin, cos = jnp.exp(-c * square * t), jnp.sin(x @ k), jnp.cos(x @ k)
    u = LaplacianJet(decay * sin, -c * square * decay * sin, (decay * cos)[:, None] * k, -square * decay * sin)
    np.testing.assert_allclose(law().assemble(Points(x, t), None, u, c), 0, atol=1e-15)
    assert np.max(np.abs(law().assemble(Points(x, t), None, u, 2 * c))) > 0.1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_initial_parameters(dtype: str, x64: None) -> None:
    other = MLP(2, 2, (4, 5))
    equation = Equation(
        {"u": Unknown(NETWORK, "laplacian_jet"), "mu": Unknown(other, "divergence_jet")}, heat, {"conductivity": 0.7}
    )
    params = equation.init(jax.random.key(0), jnp.dtype(dtype))
    assert sorted(params) == ["conductivity", "mu", "u"]
    assert params["conductivity"].shape == ()
    assert float(equation.scalar_values(params)["conductivity"]) == pytest.approx(0.7)
    assert [w.shape for w, _ in params["mu"]] == [(3, 4), (4, 5), (5, 2)]
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(params)} == {dtype}
    again, different = (equation.init(jax.random.key(k), jnp.dtype(dtype)) for k in (0, 1))
    jax.tree.map(np.testing.assert_array_equal, params, again)
    assert not np.array_equal(params["u"][0][0], different["u"][0][0])


def test_networks_of_one_equation_start_differently() -> None:
    twins = Equation({name: Unknown(NETWORK, "gradient_jet") for name in "ab"}, heat)
    params = twins.init(jax.random.key(0))
    assert not np.array_equal(params["a"][0][0], params["b"][0][0])


def test_an_equation_of_scalars_alone_is_legal() -> None:
    equation = Equation({}, lambda points, data, a: a * points.t, {"a": 2.0})
    params = equation.init(jax.random.key(0))
    np.testing.assert_allclose(equation.residual(params, POINTS), 2 * POINTS.t, rtol=1e-6)


def test_a_scalars_parameter_is_its_value_over_the_gain(x64: None) -> None:
    def column(gain: float) -> tuple[np.ndarray, np.ndarray]:
        equation = law(scalars={"conductivity": 3.0}, scalar_gain=gain)
        params = equation.init(jax.random.key(0), jnp.float64)
        lin = equation.linearize(params, Points(*(a.astype(jnp.float64) for a in POINTS)))
        np.testing.assert_allclose(params["conductivity"], 3.0 / gain, rtol=1e-15)
        return np.asarray(lin.residual), np.asarray(lin.columns["conductivity"])

    (residual, plain), (same, amplified) = column(1.0), column(50.0)
    np.testing.assert_allclose(residual, same, rtol=1e-13)
    np.testing.assert_allclose(amplified, 50 * plain, rtol=1e-12)


def test_data_are_computed_once_per_batch() -> None:
    calls = []
    equation = Equation(
        {"u": Unknown(NETWORK, "laplacian_jet")},
        lambda points, data, u: u.value * 0 + data,
        data=lambda points: calls.append(1) or points.t,
    )
    params = equation.init(jax.random.key(0))
    batch = equation.batch(POINTS)
    assert equation.batch(batch) is batch
    for _ in range(3):
        np.testing.assert_array_equal(equation.residual(params, batch), POINTS.t)
        np.testing.assert_array_equal(equation.linearize(params, batch).residual, POINTS.t)
    assert calls == [1]
    equation.residual(params, POINTS)
    assert calls == [1, 1]


def test_a_pair_of_arrays_is_points_too() -> None:
    params = law().init(jax.random.key(0))
    np.testing.assert_array_equal(law().residual(params, tuple(POINTS)), law().residual(params, POINTS))
    assert isinstance(law().batch(tuple(POINTS)), Batch)


def test_without_points_there_is_an_empty_residual() -> None:
    params = law().init(jax.random.key(0))
    empty = Points(jnp.zeros((0, 2)), jnp.zeros(0))
    lin = law().linearize(params, empty)
    assert lin.residual.shape == (0,)
    assert lin.gram().shape == (0, 0)


# --- what is refused ---


@pytest.mark.parametrize("jet", ["hessian_jet", "", "null", None])
def test_unknown_jets_are_refused(jet: Any) -> None:
    with pytest.raises(ConfigError, match="my law: u: expected a jet among gradient_jet.*; got"):
        Equation({"u": Unknown(NETWORK, jet)}, heat, name="my law")


def test_a_name_for_both_a_network_and_a_scalar_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected different names for networks and scalars; got \['u'\] twice"):
        law(scalars={"u": 1.0, "c": 2.0})


@pytest.mark.parametrize(
    ("x", "t"), [((3,), (3,)), ((3, 2), (2,)), ((3, 2), (3, 1)), ((3, 2), ()), ((2, 3, 2), (2, 3)), ((), ())]
)
def test_points_of_other_shapes_are_refused(x: Any, t: Any) -> None:
    params = law().init(jax.random.key(0))
    for call in (law().residual, law().linearize, law().gram):
        with pytest.raises(ShapeError, match=r"equation: points: expected x \(n, d\) and t \(n,\); got") as caught:
            call(params, Points(jnp.zeros(x), jnp.zeros(t)))
        assert f"{x} and {t}" in str(caught.value)


def test_points_of_another_dimension_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"laplacian_jet: layers\[0\]\[0\] \(W\): expected 4 rows"):
        law().residual(law().init(jax.random.key(0)), Points(jnp.zeros((2, 3)), jnp.zeros(2)))


@pytest.mark.parametrize(
    ("assemble", "shape"),
    [
        (lambda points, data, u: jnp.sum(u.value), "()"),
        (lambda points, data, u: u.grad, "(3, 2)"),
        (lambda points, data, u: u.value[:, None], "(3, 1)"),
        (lambda points, data, u: u.value[1:], "(2,)"),
        (lambda points, data, u: 0.0, "()"),
    ],
)
def test_residuals_of_other_shapes_are_refused(assemble: Any, shape: str) -> None:
    equation = Equation({"u": Unknown(NETWORK, "laplacian_jet")}, assemble, name="my law")
    params = equation.init(jax.random.key(0))
    for call in (equation.residual, equation.linearize):
        with pytest.raises(ShapeError, match=r"my law: assemble: expected a residual of shape \(3,\); got") as caught:
            call(params, POINTS)
        assert str(caught.value).endswith(shape)
