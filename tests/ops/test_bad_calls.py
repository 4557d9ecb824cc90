"""Malformed calls: each is refused with a typed error that names the operation and the operand."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import JETS, Case, Operands, operands, outputs_of

from transjet import ops
from transjet.errors import BackendError, ConfigError, DTypeError, ShapeError, TransjetError

N, D, F = 5, 3, 2
CASE = Case(N, D, F, (("tanh", 4), ("tanh", 6)))


def zeros(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.zeros(shape, dtype)


def layer(index: int, pair: Any) -> Callable[[Operands], dict[str, Any]]:
    """Replace one layer."""
    return lambda args: {"layers": (*args.layers[:index], pair, *args.layers[index + 1 :])}


Change = dict[str, Any] | Callable[[Operands], dict[str, Any]]
FOR_EVERY_JET: dict[str, tuple[Change, type[TransjetError], str]] = {
    "x is None": ({"x": None}, DTypeError, "x: expected float32 or float64; got NoneType"),
    "x is text": ({"x": "abc"}, DTypeError, "x: expected float32 or float64; got str"),
    "x is ragged": ({"x": [[1.0], [1.0, 2.0]]}, DTypeError, "x: expected float32 or float64; got list"),
    "x is integer": ({"x": zeros(N, D, dtype=np.int32)}, DTypeError, "x: expected float32 or float64; got int32"),
    "x is half": ({"x": zeros(N, D, dtype=np.float16)}, DTypeError, "x: expected float32 or float64; got float16"),
    "x is complex": ({"x": zeros(N, D, dtype=np.complex64)}, DTypeError, "x: expected float32 or float64; got complex"),
    "x is one point": ({"x": zeros(D)}, ShapeError, r"x: expected rank 2; got shape \(3,\)"),
    "x is a scalar": ({"x": zeros()}, ShapeError, r"x: expected rank 2; got shape \(\)"),
    "x is batched": ({"x": zeros(2, N, D)}, ShapeError, r"x: expected rank 2; got shape \(2, 5, 3\)"),
    "x has another dimension": ({"x": zeros(N, D + 1)}, ShapeError, r"W\): expected 6 rows \(d \+ f, .*\(5, 4\)"),
    "x has no coordinates": (
        {"x": zeros(N, 0)},
        ShapeError,
        r"x: expected at least one coordinate; got shape \(5, 0\)",
    ),
    "tau is integer": ({"tau": zeros(N, F, dtype=np.int32)}, DTypeError, "tau: expected float32 or float64; got int32"),
    "tau is flat": ({"tau": zeros(N)}, ShapeError, r"tau: expected rank 2; got shape \(5,\)"),
    "tau has other points": (
        {"tau": zeros(N + 1, F)},
        ShapeError,
        r"tau: expected 5 rows, as many as x; got .*\(6, 2\)",
    ),
    "tau has more features": ({"tau": zeros(N, F + 1)}, ShapeError, r"dtau: expected the shape of tau, \(5, 3\); got"),
    "dtau is None": ({"dtau": None}, DTypeError, "dtau: expected float32 or float64; got NoneType"),
    "dtau is flat": ({"dtau": zeros(N)}, ShapeError, r"dtau: expected rank 2; got shape \(5,\)"),
    "dtau has other points": ({"dtau": zeros(N - 1, F)}, ShapeError, r"dtau: expected the shape of tau, .* \(4, 2\)"),
    "layers are None": (
        {"layers": None},
        ShapeError,
        r"layers: expected a non-empty tuple of \(W, b\) pairs; got NoneT",
    ),
    "layers are empty": ({"layers": ()}, ShapeError, r"layers: expected a non-empty tuple of \(W, b\) pairs"),
    "layers are an array": ({"layers": zeros(4, 4)}, ShapeError, "layers: expected a non-empty tuple .*; got ndarray"),
    "a layer is an array": (layer(1, zeros(4, 6)), ShapeError, r"layers\[1\]: expected a pair \(W, b\); got ndarray"),
    "a layer has no bias": (layer(1, (zeros(4, 6),)), ShapeError, r"layers\[1\]: expected a pair \(W, b\)"),
    "a bias is None": (
        layer(1, (zeros(4, 6), None)),
        DTypeError,
        r"layers\[1\]\[1\] \(b\): expected float32 .* NoneType",
    ),
    "a weight is integer": (
        layer(0, (zeros(5, 4, dtype=np.int8), zeros(4))),
        DTypeError,
        r"layers\[0\]\[0\] \(W\): .*int8",
    ),
    "a weight is flat": (layer(1, (zeros(4), zeros(6))), ShapeError, r"layers\[1\]\[0\] \(W\): expected rank 2"),
    "a bias is a matrix": (
        layer(1, (zeros(4, 6), zeros(1, 6))),
        ShapeError,
        r"layers\[1\]\[1\] \(b\): expected rank 1",
    ),
    "a bias is short": (
        layer(1, (zeros(4, 6), zeros(5))),
        ShapeError,
        r"layers\[1\]\[1\] \(b\): expected shape \(6,\)",
    ),
    "first layer does not fit": (
        layer(0, (zeros(4, 4), zeros(4))),
        ShapeError,
        r"layers\[0\]\[0\] \(W\): expected 5 rows",
    ),
    "inner layer does not fit": (
        layer(1, (zeros(7, 6), zeros(6))),
        ShapeError,
        r"layers\[1\]\[0\] \(W\): expected 4 rows \(the width of layer 0\); got shape \(7, 6\)",
    ),
    "too many outputs": (layer(2, (zeros(6, 9), zeros(9))), ShapeError, r"layers\[-1\]: expected \d output.*; got 9"),
    "activation unknown": ({"activation": "relu"}, ConfigError, "activation: expected one of tanh, .*; got 'relu'"),
    "one activation unknown": ({"activation": ("tanh", "Sin")}, ConfigError, "activation: expected one of .*'Sin'"),
    "too few activations": (
        {"activation": ("tanh",)},
        ConfigError,
        r"activation: expected one name, or 2 .*; got 1 name",
    ),
    "too many activations": (
        {"activation": ("tanh",) * 3},
        ConfigError,
        r"activation: .* 2 \(one per hidden .*; got 3",
    ),
    "activation is None": ({"activation": None}, ConfigError, "activation: expected one of tanh, .*; got None"),
    "activation is a function": ({"activation": jnp.tanh}, ConfigError, "activation: expected one of tanh"),
    "activation is a number": ({"activation": (1, 2)}, ConfigError, "activation: expected one of tanh, .*; got 1"),
    "backend unknown": ({"backend": "fpga"}, BackendError, "backend: expected 'auto' or one of cuda, .*; got 'fpga'"),
    "backend is None": ({"backend": None}, BackendError, "backend: expected 'auto' or one of cuda, .*; got None"),
}
WITH_DIRECTIONS: dict[str, tuple[Change, type[TransjetError], str]] = {
    "directions are text": ({"directions": "all"}, DTypeError, "directions: expected float32 or float64; got str"),
    "directions are integer": ({"directions": zeros(2, D, dtype=np.int32)}, DTypeError, "directions: .*got int32"),
    "directions are one vector": (
        {"directions": zeros(D)},
        ShapeError,
        r"directions: expected shape \(k, 3\) .* \(3,\)",
    ),
    "directions have rank 4": ({"directions": zeros(1, N, 2, D)}, ShapeError, r"directions: .*got \(1, 5, 2, 3\)"),
    "directions are too long": ({"directions": zeros(2, D + 1)}, ShapeError, r"directions: .*got \(2, 4\)"),
    "directions have other points": (
        {"directions": zeros(4, 2, D)},
        ShapeError,
        r"directions: .*\(5, k, 3\).*\(4, 2, 3\)",
    ),
}
ROWS = [(name, what) for name in JETS for what in FOR_EVERY_JET]
ROWS += [(name, what) for name in JETS[1:] for what in WITH_DIRECTIONS]


@pytest.mark.parametrize(("name", "what"), ROWS)
def test_jet_refuses(name: str, what: str) -> None:
    args = operands(CASE, outputs_of(name, D))
    change, error, message = (FOR_EVERY_JET | WITH_DIRECTIONS)[what]
    options = args._asdict() | {"activation": "tanh"} | (change(args) if callable(change) else change)
    if name == "gradient_jet":
        del options["directions"]
    call = [options.pop(field) for field in ("layers", "x", "tau", "dtau")]
    with pytest.raises(error, match=message) as caught:
        getattr(ops, name)(*call, **options)
    assert type(caught.value) is error
    if "backend" not in what:
        assert str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize("name", JETS)
@pytest.mark.parametrize("operand", ["x", "tau", "dtau", "layers"])
def test_mixed_dtypes_are_refused(name: str, operand: str, x64: None) -> None:
    args = operands(CASE, outputs_of(name, D))
    other = operands(CASE, outputs_of(name, D), dtype="float64")
    mixed = args._replace(**{operand: getattr(other, operand)})
    with pytest.raises(DTypeError, match=f"{name}: expected all operands of one dtype; got float32, float64"):
        getattr(ops, name)(*mixed[:4])


def test_gradient_jet_takes_no_directions() -> None:
    with pytest.raises(TypeError, match="directions"):
        ops.gradient_jet(*operands(CASE, 1)[:4], directions=zeros(2, D))  # type: ignore[call-arg]


def test_no_points_and_no_time_features_are_legal() -> None:
    args = operands(Case(0, 1, 0, (("tanh", 2),)), 1)
    assert [field.shape for field in ops.gradient_jet(*args[:4])] == [(0,), (0,), (0, 1)]


@pytest.mark.parametrize("op", ["laplacian", "", None])
def test_explain_refuses_unknown_operations(op: Any) -> None:
    with pytest.raises(
        ConfigError,
        match=f"explain: op: expected one of null, gauss_newton, .*, gradient_jet, .*; got {re.escape(repr(op))}",
    ):
        ops.explain(op)


def test_explain_checks_operands_and_role() -> None:
    args = operands(CASE, 1)
    with pytest.raises(ShapeError, match="gradient_jet: x: expected rank 2"):
        ops.explain("gradient_jet", args.layers, args.x[0], args.tau, args.dtau)
    with pytest.raises(ConfigError, match="role: expected forward, tangent or cotangent; got 'backward'"):
        ops.explain("gradient_jet", *args[:4], role="backward")
    with pytest.raises(ConfigError, match="role: expected forward, tangent or cotangent; got None"):
        ops.explain("null", args.x, role=None)
    with pytest.raises(DTypeError, match="null: x: expected float32 or float64; got str"):
        ops.explain("null", "text")


def test_there_are_at_least_60_malformed_calls() -> None:
    assert len(ROWS) >= 60
