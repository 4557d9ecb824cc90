"""Kernels in the interpreter of Triton against the reference in JAX; several tiles, the last of them incomplete."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from interpreted import Interpreter, interpret

problems = pytest.importorskip("transjet_kernels.problem", reason="the package of kernels is not on the path")
from transjet import ops  # noqa: E402
from transjet_kernels import aot, jets, products  # noqa: E402
from transjet_kernels.packing import pack  # noqa: E402

pytestmark = pytest.mark.skipif(
    aot.triton_version() is None, reason="triton is not installed, it comes with the extra `test`"
)
TOLERANCE = {"float32": 3e-5, "float64": 1e-12}


class Case(NamedTuple):
    """A jet of a network at points; `f` time features."""

    jet: str
    n: int
    d: int
    f: int
    widths: tuple[int, ...]
    activation: tuple[str, ...]
    directions: str | None = None
    count: int = 0
    dtype: str = "float64"


ALL = ("tanh", "sin", "gelu", "silu")
CASES = {
    "gradient-tanh": Case("gradient_jet", 19, 1, 1, (5,), ("tanh",)),
    "gradient-sin-no-time": Case("gradient_jet", 3, 5, 0, (7, 6), ("sin",) * 2),
    "gradient-identity": Case("gradient_jet", 9, 2, 1, (3, 3), ("identity",) * 2),
    "gradient-wide": Case("gradient_jet", 9, 2, 1, (70, 3), ("softplus", "tanh"), dtype="float32"),
    "laplacian-gelu": Case("laplacian_jet", 5, 2, 1, (6, 11, 3), ("gelu",) * 3),
    "laplacian-silu-no-time": Case("laplacian_jet", 5, 1, 0, (9,), ("silu",)),
    "laplacian-mixed": Case("laplacian_jet", 3, 5, 2, (4, 5, 6, 7), ALL),
    "laplacian-mixed-point": Case("laplacian_jet", 5, 2, 1, (5, 6), ("sin", "softplus"), "point", 3),
    "divergence-softplus": Case("divergence_jet", 3, 5, 2, (4, 5, 6, 7), ("softplus",) * 4),
    "divergence-mixed-no-time": Case("divergence_jet", 17, 1, 0, (5, 6, 3), ("tanh", "identity", "gelu")),
    "divergence-shared": Case("divergence_jet", 5, 5, 1, (6,), ("silu",), "shared", 2, dtype="float32"),
}


MANY = {
    "laplacian": Case("laplacian_jet", 17, 2, 1, (5, 20), ("tanh", "sin"), "shared", 14),
    "divergence-precise": Case("divergence_jet", 5, 2, 1, (6,), ("gelu",), "point", 17, dtype="float32"),
}


class Operands(NamedTuple):
    """Numbers of order one for everything that the kernels of a case read."""

    layers: Any
    change: Any
    points: tuple[Any, Any, Any]
    directions: Any
    coefficients: Any
    weights: Any
    offset: Any


def operands_of(case: Case) -> Operands:
    """Repeatable; points as x, tau, dtau."""
    draw = np.random.default_rng(7)

    def array(*shape: int) -> Any:
        return draw.standard_normal(shape).astype(case.dtype)

    n, d, f = case.n, case.d, case.f
    is_vector = case.jet == "divergence_jet"
    sizes = list(itertools.pairwise((d + f, *case.widths, d if is_vector else 1)))
    layers, change = (tuple((array(*pair) / pair[0] ** 0.5, array(pair[1])) for pair in sizes) for _ in range(2))
    directions = {None: (), "shared": (case.count, d), "point": (n, case.count, d)}[case.directions]
    kind = {"gradient_jet": ops.GradientJet, "laplacian_jet": ops.LaplacianJet, "divergence_jet": ops.DivergenceJet}
    fields = {"gradient_jet": "n n nd", "laplacian_jet": "n n nd n", "divergence_jet": "nd n"}[case.jet].split()
    coefficients = kind[case.jet](*(array(n, d) if field == "nd" else array(n) for field in fields))
    points = array(n, d), array(n, f), array(n, f)
    return Operands(
        layers, change, points, array(*directions) if directions else None, coefficients, array(n), array(n)
    )


def expected(case: Case, given: Operands) -> dict[str, Any]:
    """What the reference finds."""
    options = {} if given.directions is None else {"directions": given.directions}

    def run(layers: Any) -> Any:
        return getattr(ops, case.jet)(layers, *given.points, activation=case.activation, **options)

    def all_of_it(given: Operands) -> dict[str, Any]:
        jet, tangent = jax.jvp(run, (given.layers,), (given.change,))
        term = ops.Term(case.jet, given.layers, *given.points, given.coefficients, case.activation, given.directions)
        product = ops.gauss_newton_with_product([term], [given.change], given.weights, given.offset)
        found = {"forward": jet, "tangent": tangent, "cotangent": jax.vjp(run, given.layers)[1](given.coefficients)}
        return found | {"gauss_newton": product, "gram": ops.gram([term])}

    with ops.use_backend("xla"):
        found: dict[str, Any] = jax.jit(all_of_it)(given)
    return {name: [np.asarray(leaf) for leaf in jax.tree.leaves(part)] for name, part in found.items()}


def interpreted(case: Case, given: Operands, interpreter: Interpreter) -> dict[str, Any]:
    """What the kernels find."""
    problem = problems.Problem(*case)
    shapes = problem.shape, problem.factor_shape
    plain, product = (problems.Tuning(max(16, shape.padded), 4, 1) for shape in shapes)
    leaves, change = (jax.tree.leaves(part) for part in (given.layers, given.change))
    points = *given.points, given.directions
    term = products.term_arrays(np, problem, *points, leaves, list(given.coefficients))
    first = {f"t0.{name}": value for name, value in term.items()}
    vector = {"t0.vectors": pack(np, problem, change)[None], "weights": given.weights, "offset": given.offset[None]}
    precise = case.dtype == "float32"

    forward = interpreter.ask(jets.forward(problem, plain), jets.operands(np, problem, *points, leaves))
    tangent = interpreter.ask(jets.tangent(problem, plain), jets.operands(np, problem, *points, leaves, change))
    cotangent = interpreter.ask(products.cotangent(problem, product), term)
    moved = interpreter.ask(products.gauss_newton([problem], 1, True, True, product), first | vector)
    gram = interpreter.ask(products.gram([problem], precise, product), first)
    assert gram["gram"].dtype == np.float64
    return {
        "forward": jets.forward_fields(np, problem, given.points[2], forward),
        "tangent": jets.tangent_fields(problem, tangent),
        "cotangent": [leaf[0] for leaf in products.gradients(problem, cotangent)],
        "gauss_newton": [*(leaf[0] for leaf in products.gradients(problem, moved, "t0.")), moved["product"][0]],
        "gram": [gram["gram"]],
    }


@pytest.fixture(scope="module")
def interpreter() -> Iterator[Interpreter]:
    yield from interpret()


@pytest.mark.parametrize("name", CASES)
def test_kernels_find_what_the_reference_finds(
    name: str, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "SPLITS", 2)  # several blocks to a sum, and fewer in the last
    case = CASES[name]
    given = operands_of(case)
    found = interpreted(case, given, interpreter)
    with jax.enable_x64(case.dtype == "float64"):
        wanted = expected(case, given)
    assert found.keys() == wanted.keys()
    for kind, values in wanted.items():
        for index, (a, b) in enumerate(zip(found[kind], values, strict=True)):
            assert a.shape == b.shape, (kind, index)
            scale = max(1.0, float(np.max(np.abs(b), initial=0.0)))
            error = float(np.max(np.abs(a - b), initial=0.0))
            assert error <= TOLERANCE[case.dtype] * scale, (kind, index, error, scale)


@pytest.mark.parametrize("name", MANY)
def test_gram_matrices_of_many_streams_are_those_of_the_reference(
    name: str, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = MANY[name]
    monkeypatch.setattr(products, "_GRAM_PIECE", 256)
    monkeypatch.setattr(products, "_GRAM_TILE", 16)
    given, problem = operands_of(case), problems.Problem(*case)
    term = products.term_arrays(
        np, problem, *given.points, given.directions, jax.tree.leaves(given.layers), list(given.coefficients), "t0."
    )
    assert problem.factor_shape.padded == 32
    terms = 2 if case.n < 16 else 1
    plan = products.gram([problem] * terms, case.dtype == "float32", problems.Tuning(32, 4, 1))
    assert {launch.function for launch in plan.launches} == {"factors", "assemble", "outer"}
    second = {name.replace("t0.", "t1."): value for name, value in term.items()} if terms == 2 else {}
    found = interpreter.ask(plan, term | second)["gram"]
    with jax.enable_x64(case.dtype == "float64"), ops.use_backend("xla"):
        settings = given.coefficients, case.activation, given.directions
        wanted = jax.jit(lambda layers: ops.gram([ops.Term(case.jet, layers, *given.points, *settings)]))(given.layers)
    scale = float(np.max(np.abs(wanted)))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(found, terms * np.asarray(wanted), rtol=0, atol=terms * TOLERANCE[case.dtype] * scale)


def test_cases_have_every_activation_depth_and_dimension() -> None:
    cases = CASES.values()
    assert {name for case in cases for name in case.activation} == set(problems.ACTIVATIONS)
    assert {case.d for case in cases} == {1, 2, 5} and {len(case.widths) for case in cases} == {1, 2, 3, 4}
    assert all(case.n % 2 and any(size & (size - 1) for size in case.widths) for case in cases)
