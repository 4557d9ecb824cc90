"""The jets' values and cotangents against the oracle, over shapes that cover every size in combination."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import (
    FIELDS,
    JETS,
    Case,
    Operands,
    close,
    operands,
    operation,
    oracle,
    outputs_of,
    quick_jit,
    served_by,
)

from transjet import ops

DEEP = (("silu", 3), ("tanh", 9), ("gelu", 5), ("sin", 7))
CASES = [
    Case(1, 1, 1),
    Case(3, 3, 2),
    Case(3, 1, 0, (), ("shared", 2)),
    Case(1, 2, 1, (), ("point", 3)),
    Case(0, 3, 1, (("tanh", 5),)),
    Case(3, 1, 0, (("gelu", 1),), ("point", 1)),
    Case(1, 1, 3, (("softplus", 11),)),
    Case(3, 2, 1, (("identity", 3),), ("shared", 1)),
    Case(1, 2, 3, (("sin", 7), ("silu", 1), ("softplus", 3), ("identity", 4))),
    Case(3, 5, 1, DEEP, ("shared", 3)),
    Case(0, 1, 0, DEEP, ("point", 2)),
    Case(17, 3, 0, (("tanh", 5), ("sin", 6)), ("shared", 5)),
    Case(5, 9, 3, (("gelu", 7), ("softplus", 13)), ("point", 2)),
]
ROWS = [(name, backend) for name in JETS for backend in served_by(name)]


def cotangents(name: str, args: Operands) -> tuple[Any, ...]:
    """Fixed numbers of the shapes of the jet's fields."""
    n, d = args.x.shape
    is_vector = {"gradient_jet": ("grad",), "laplacian_jet": ("grad",), "divergence_jet": ("value",)}[name]
    shapes = [(n, d) if field in is_vector else (n,) for field in FIELDS[name]]
    return tuple(jnp.cos(jnp.arange(np.prod(s), dtype=args.x.dtype)).reshape(s) for s in shapes)


def with_cotangent(fun: Any) -> Any:
    """Values and vector-Jacobian product with respect to all operands."""

    def both(args: Operands, weights: Any) -> Any:
        out, pull = jax.vjp(fun, args)
        return out, pull(weights)[0]

    return quick_jit(both)


@functools.cache
def truth(name: str, case: Case, with_pull: bool = False) -> Any:
    """The oracle's answer in float64."""
    with jax.enable_x64(True):
        args = operands(case, outputs_of(name, case.d), 4, "float64")
        fun = functools.partial(oracle, name, case.activation)
        found = with_cotangent(fun)(args, cotangents(name, args)) if with_pull else quick_jit(fun)(args)
        return jax.tree.map(np.asarray, found)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(("name", "backend"), ROWS)
def test_values_in_float64(name: str, backend: str, case: Case, x64: None) -> None:
    # The gradient jet is the first part of the Laplacian jet.
    expected = truth("laplacian_jet", case)[:3] if name == "gradient_jet" else truth(name, case)
    args = operands(case, outputs_of(name, case.d), 4, "float64")
    actual = quick_jit(lambda args: operation(name, case.activation, args, backend))(args)
    close(actual, expected, "float64", factor=10)


@pytest.mark.parametrize("case", [CASES[i] for i in (1, 3, 4, 5, 9, 12)], ids=str)
@pytest.mark.parametrize(("name", "backend"), ROWS)
def test_values_and_cotangents_in_float32(name: str, backend: str, case: Case) -> None:
    args = operands(case, outputs_of(name, case.d), 4, "float32")
    run = with_cotangent(lambda args: operation(name, case.activation, args, backend))
    close(run(args, cotangents(name, args)), truth(name, case, with_pull=True), "float32")


@pytest.mark.parametrize(("name", "backend"), ROWS)
def test_many_points_in_uneven_chunks(name: str, backend: str, x64: None) -> None:
    # 307 wide points do not fit in one chunk, and 307 is a prime number that no chunk divides.
    case = Case(307, 2, 1, (("tanh", 401),), None if name == "gradient_jet" else ("point", 3))
    args = operands(case, outputs_of(name, case.d), 5, "float64")
    weights = cotangents(name, args)
    actual = with_cotangent(lambda args: operation(name, case.activation, args, backend))(args, weights)
    expected = with_cotangent(functools.partial(oracle, name, case.activation))(args, weights)
    close(actual, jax.tree.map(np.asarray, expected), "float64", factor=100)
    tangent = operands(case, outputs_of(name, case.d), 6, "float64")
    moved = quick_jit(lambda a, v: jax.jvp(lambda a: operation(name, case.activation, a, backend), (a,), (v,))[1])
    left = sum(jnp.sum(a * b) for a, b in zip(moved(args, tangent), weights, strict=True))
    right = sum(jax.tree.leaves(jax.tree.map(lambda a, b: jnp.sum(a * b), expected[1], tangent)))
    np.testing.assert_allclose(left, right, rtol=1e-10)


@pytest.mark.parametrize("name", JETS)
def test_one_name_stands_for_all_hidden_layers(name: str) -> None:
    case = Case(3, 2, 1, (("sin", 4), ("sin", 5)))
    args = operands(case, outputs_of(name, case.d))
    for one, each in zip(operation(name, "sin", args), operation(name, case.activation, args), strict=True):
        np.testing.assert_array_equal(one, each)
    default = getattr(ops, name)(*args[:4])
    expected = quick_jit(lambda args: oracle(name, ("tanh", "tanh"), args))(args)
    close(tuple(default), jax.tree.map(np.asarray, expected), "float32")


@pytest.mark.parametrize("backend", sorted({backend for _, backend in ROWS}))
@pytest.mark.parametrize("operand", ["x", "tau", "dtau"])
@pytest.mark.parametrize("name", JETS)
def test_nan_in_one_point_stays_there(name: str, operand: str, backend: str) -> None:
    case = Case(5, 3, 2, (("tanh", 4), ("gelu", 3)))
    args = operands(case, outputs_of(name, case.d))
    sick = args._replace(**{operand: getattr(args, operand).at[2, 1].set(jnp.nan)})
    healthy = np.array([0, 1, 3, 4])
    touched = set()
    for field, a, b in zip(
        FIELDS[name],
        operation(name, case.activation, args, backend),
        operation(name, case.activation, sick, backend),
        strict=True,
    ):
        np.testing.assert_array_equal(a[healthy], b[healthy])
        if np.isnan(b[2]).all():
            touched.add(field)
    everything = set(FIELDS[name])
    assert touched == ({"dt"} & everything if operand == "dtau" else everything)


@pytest.mark.parametrize("name", JETS)
def test_operands_may_be_numpy_arrays_and_lists_of_pairs(name: str) -> None:
    case = Case(3, 2, 1, (("tanh", 4),))
    args = operands(case, outputs_of(name, case.d))
    plain = jax.tree.map(np.asarray, args)
    loose = Operands([list(pair) for pair in plain.layers], *plain[1:])
    for a, b in zip(operation(name, "tanh", args), operation(name, "tanh", loose), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", JETS)
def test_results_do_not_depend_on_how_many_points_there_are(name: str) -> None:
    case = Case(7, 3, 1, (("silu", 5), ("tanh", 3)))
    args = operands(case, outputs_of(name, case.d))
    whole = operation(name, case.activation, args)
    for i in range(case.n):
        single = Operands(args.layers, args.x[i : i + 1], args.tau[i : i + 1], args.dtau[i : i + 1])
        one = jax.tree.map(lambda a: np.asarray(a[0]), operation(name, case.activation, single))
        close(jax.tree.map(lambda a, i=i: a[i], whole), one, "float32")
