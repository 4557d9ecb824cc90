"""Particles along the ODE of a network, against steps of the jets and exact flows."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import served_by

from transjet import ops
from transjet.errors import DTypeError, ShapeError
from transjet.models import MLP, TimeFeatures
from transjet.transport import NetworkField, ode_transport

BACKENDS = served_by("ode_transport")


def network(d: int, hidden: tuple[int, ...], backend: str, frequencies: int = 1, activation: Any = "tanh") -> MLP:
    time = TimeFeatures(frequencies)
    return MLP(d, d, hidden, activation, input_scale=2.0, output_scale=1.5, time=time, last_gain=1.0, backend=backend)


def start(n: int, d: int, dtype: str = "float64") -> jax.Array:
    return jnp.asarray(np.random.default_rng(n + d).standard_normal((n, d)), dtype)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("d", "hidden", "n"),
    [(1, (5,), 1), (2, (17, 16), 0), (2, (16, 33), 3), (3, (), 7), (10, (20, 20, 20), 131), (17, (3,), 40)],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_it_takes_the_steps_of_the_jets(
    d: int, hidden: tuple[int, ...], n: int, reverse: bool, backend: str, x64: None
) -> None:
    model = network(d, hidden, backend, activation=("tanh", "softplus", "sin")[: len(hidden)])
    layers, x = model.init(jax.random.key(0), jnp.float64), start(n, d)
    plain = network(d, hidden, "xla", activation=model.activation)
    step_by_step = ode_transport(lambda x, t: plain.jet("divergence_jet", layers, x, t), x, steps=3, reverse=reverse)
    fused = ode_transport(NetworkField(model, layers), x, steps=3, reverse=reverse)
    np.testing.assert_allclose(fused.x, step_by_step.x, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(fused.change, step_by_step.change, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_exact_flow_of_a_linear_field(backend: str, x64: None) -> None:
    matrix = np.array([[0.3, -1.0], [0.8, -0.2]])
    layers = ((jnp.asarray(np.vstack([matrix, [[0.0, 0.0]]])), jnp.zeros(2)),)
    x = start(5, 2)
    values, vectors = np.linalg.eig(matrix)
    exact = np.asarray(x) @ ((vectors * np.exp(values)) @ np.linalg.inv(vectors)).real
    errors = []
    for steps in (8, 16):
        end = ops.ode_transport(layers, x, jnp.zeros((2 * steps + 1, 1)), 1 / steps, backend=backend)
        np.testing.assert_allclose(end.change, np.full(5, np.trace(matrix)), rtol=1e-13)
        errors.append(np.abs(np.asarray(end.x) - exact).max())
    assert errors[0] < 1e-4
    assert 14 < errors[0] / errors[1] < 18  # fourth order


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_stage_sees_its_time(backend: str, x64: None) -> None:
    # The drift is tau itself, so that the ends are Simpson sums of the table.
    layers = ((jnp.asarray([[0.0], [1.0]]), jnp.zeros(1)),)
    tau = np.random.default_rng(0).standard_normal((7, 1))
    end = ops.ode_transport(layers, jnp.zeros((2, 1)), tau, 0.5, backend=backend)
    simpson = sum(0.5 / 6 * (tau[2 * i] + 4 * tau[2 * i + 1] + tau[2 * i + 2]) for i in range(3))
    np.testing.assert_allclose(end.x, np.broadcast_to(simpson, (2, 1)), rtol=1e-14)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_particle_that_is_not_finite_is_alone_in_it(backend: str) -> None:
    model = network(3, (18, 5), backend)
    layers, x = model.init(jax.random.key(0)), start(50, 3, "float32")
    clean, spoilt = (ode_transport(NetworkField(model, layers), v, steps=2) for v in (x, x.at[7, 1].set(jnp.nan)))
    others = np.arange(50) != 7
    assert np.isnan(spoilt.x[7]).all()
    assert np.isnan(spoilt.change[7])
    np.testing.assert_array_equal(clean.x[others], spoilt.x[others])
    np.testing.assert_array_equal(clean.change[others], spoilt.change[others])


@pytest.mark.parametrize("backend", BACKENDS)
def test_under_jit_vmap_and_differentiation(backend: str, x64: None) -> None:
    model, auto = network(2, (6, 7), backend), network(2, (6, 7), "auto")
    layers, x = model.init(jax.random.key(0), jnp.float64), start(12, 2)

    def end(layers: Any, x: jax.Array, model: MLP = model) -> jax.Array:
        moved = ode_transport(NetworkField(model, layers), x, steps=2)
        return jnp.concatenate([moved.x, moved.change[:, None]], axis=1)

    whole = end(layers, x)
    np.testing.assert_allclose(jax.jit(end)(layers, x), whole, rtol=1e-13)
    np.testing.assert_allclose(jax.vmap(end, (None, 0))(layers, x.reshape(3, 4, 2)).reshape(12, 3), whole, rtol=1e-13)
    v = jax.tree.map(lambda a: jnp.asarray(np.random.default_rng(1).standard_normal(a.shape)), (layers, x))
    u = start(12, 3)
    _, along = jax.jvp(lambda p, x: end(p, x, auto), (layers, x), v)
    back = jax.grad(lambda p, x: jnp.sum(u * end(p, x, auto)), (0, 1))(layers, x)
    inner = sum(jnp.vdot(a, b) for a, b in zip(jax.tree.leaves(back), jax.tree.leaves(v), strict=True))
    np.testing.assert_allclose(inner, jnp.vdot(u, along), rtol=1e-12)
    shift = 1e-6
    moved = [jax.tree.map(lambda a, b, s=s: a + s * b, (layers, x), v) for s in (shift, -shift)]
    np.testing.assert_allclose((end(*moved[0]) - end(*moved[1])) / (2 * shift), along, rtol=1e-6, atol=1e-8)


def test_operands_that_do_not_fit_are_refused() -> None:
    model = network(2, (4,), "auto", frequencies=0)
    layers, x = model.init(jax.random.key(0)), start(3, 2, "float32")
    with pytest.raises(ShapeError, match=r"tau: expected 2 steps \+ 1 rows, .*; got shape \(4, 1\)"):
        ops.ode_transport(layers, x, jnp.zeros((4, 1)), 0.1)
    with pytest.raises(ShapeError, match=r"step: expected a scalar; got shape \(1,\)"):
        ops.ode_transport(layers, x, jnp.zeros((5, 1)), jnp.ones(1))
    with pytest.raises(ShapeError, match=r"layers\[0\]\[0\] \(W\): expected 4 rows"):
        ops.ode_transport(layers, x, jnp.zeros((5, 2)), 0.1)
    with pytest.raises(DTypeError, match="tau: expected float32 or float64; got int32"):
        ops.ode_transport(layers, x, jnp.zeros((5, 1), jnp.int32), 0.1)


def test_explain() -> None:
    model = network(2, (4,), "auto", frequencies=0)
    layers, x = model.init(jax.random.key(0)), start(3, 2, "float32")
    choice = ops.explain("ode_transport", layers, x, jnp.zeros((5, 1)), 0.1, backend="xla")
    assert choice.backend == "xla"
