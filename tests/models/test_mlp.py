"""Networks of (x, t): values, and jets in physical coordinates."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError, ShapeError
from transjet.models import MLP, TimeFeatures

SCALED = {"input_scale": 2.5, "output_scale": 0.7, "time": TimeFeatures(2), "last_gain": 1.0}


def points(n: int, d: int, dtype: str = "float64") -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(0)
    return jnp.asarray(3 * rng.standard_normal((n, d)), dtype), jnp.asarray(rng.uniform(size=n), dtype)


@pytest.mark.parametrize(
    "model",
    [
        MLP(3, 1, (5, 4), ("gelu", "sin"), **SCALED),
        MLP(3, 3, (5, 4), ("silu", "tanh"), **SCALED),
        MLP(1, 1, (), **SCALED),
        MLP(2, 2, (3,), "softplus"),
        MLP(2, 1, (3,)),
    ],
    ids=str,
)
def test_jets_are_autodiffs_derivatives_in_physical_coordinates(model: MLP, x64: None) -> None:
    x, t = points(6, model.dim)
    layers = model.init(jax.random.key(1), jnp.float64)

    def at(x: Any, t: Any) -> Any:
        return model.apply(layers, x[None], t[None])[0]

    def vector_at(x: Any, t: Any) -> dict[str, Any]:
        return {"value": at(x, t), "divergence": jnp.trace(jax.jacfwd(at)(x, t))}

    def scalar_at(x: Any, t: Any) -> dict[str, Any]:
        phi = lambda x, t: at(x, t)[0]  # noqa: E731
        first = {"value": phi(x, t), "dt": jax.grad(phi, 1)(x, t), "grad": jax.grad(phi)(x, t)}
        return first | {"laplacian": jnp.trace(jax.hessian(phi)(x, t))}

    if model.outputs > 1:
        check(model.jet("divergence_jet", layers, x, t), jax.jit(jax.vmap(vector_at))(x, t))
        return
    expected = jax.jit(jax.vmap(scalar_at))(x, t)
    check(model.jet("laplacian_jet", layers, x, t), expected)
    del expected["laplacian"]
    check(model.jet("gradient_jet", layers, x, t), expected)


def check(jet: Any, expected: dict[str, Any]) -> None:
    assert set(jet._fields) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(jet, name), value, rtol=1e-11, atol=1e-12)


def test_values_by_hand(x64: None) -> None:
    model = MLP(1, 1, (1,), "tanh", input_scale=2.0, output_scale=3.0)
    layers = ((jnp.array([[0.5], [0.25]]), jnp.array([0.1])), (jnp.array([[2.0]]), jnp.array([-1.0])))
    value = model.apply(layers, jnp.array([[4.0]]), jnp.array([0.75]))
    np.testing.assert_allclose(value, [[3 * (2 * np.tanh(0.5 * 2 + 0.25 * 0.5 + 0.1) - 1)]], rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_initial_layers(dtype: str, x64: None) -> None:
    model = MLP(3, 2, (200, 100), time=TimeFeatures(1), last_gain=0.1)
    layers = model.init(jax.random.key(0), jnp.dtype(dtype))
    assert [w.shape for w, _ in layers] == [(6, 200), (200, 100), (100, 2)]
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(layers)} == {dtype}
    for (w, b), gain in zip(layers, (1.0, 1.0, 0.1), strict=True):
        np.testing.assert_array_equal(b, np.zeros(w.shape[1]))
        spread = float(jnp.std(w)) * np.sqrt(w.shape[0]) / gain
        assert abs(spread - 1) < 4 / np.sqrt(2 * w.size)
    same, other = model.init(jax.random.key(0), jnp.dtype(dtype)), model.init(jax.random.key(1), jnp.dtype(dtype))
    np.testing.assert_array_equal(same[0][0], layers[0][0])
    assert not np.array_equal(other[0][0], layers[0][0])
    assert not np.array_equal(layers[0][0].ravel()[:200], layers[1][0].ravel()[:200])


def test_jets_take_the_models_backend() -> None:
    x, t = points(2, 2, "float32")
    model = MLP(2, 1, (3,), backend="nowhere")
    with pytest.raises(RuntimeError, match="got 'nowhere'"):
        model.jet("gradient_jet", model.init(jax.random.key(0)), x, t)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 0}, "MLP: dim: expected a positive integer; got 0"),
        ({"dim": 2.0}, r"MLP: dim: expected a positive integer; got 2\.0"),
        ({"outputs": -1}, "MLP: outputs: expected a positive integer; got -1"),
        ({"hidden": (3, 0)}, r"MLP: hidden\[1\]: expected a positive integer; got 0"),
        ({"hidden": ("3",)}, r"MLP: hidden\[0\]: expected a positive integer; got '3'"),
        ({"hidden": 64}, "MLP: hidden: expected a tuple of widths, one a layer; got 64"),
        ({"activation": "relu"}, "MLP: activation: expected one of tanh.*; got 'relu'"),
        ({"activation": ("tanh", "relu", "sin")}, "MLP: activation: expected one of tanh.*; got 'relu'"),
        ({"activation": ("tanh",) * 2}, r"MLP: activation: expected one name, or 3 .*; got 2 names"),
        ({"activation": None}, "MLP: activation: expected one of tanh.*; got None"),
        ({"input_scale": 0.0}, "MLP: input_scale: expected a positive number; got 0.0"),
        ({"output_scale": float("nan")}, "MLP: output_scale: expected a positive number; got nan"),
        ({"output_scale": float("inf")}, "MLP: output_scale: expected a positive number; got inf"),
    ],
)
def test_impossible_networks_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MLP(**({"dim": 2, "outputs": 1} | options))


def test_points_of_another_dimension_are_refused() -> None:
    model = MLP(2, 1, (3,))
    with pytest.raises(ShapeError, match=r"layers\[0\]\[0\] \(W\): expected 4 rows"):
        model.jet("gradient_jet", model.init(jax.random.key(0)), *points(2, 3, "float32"))
