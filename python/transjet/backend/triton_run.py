"""How the triton backend runs an operation: operands into buffers, a plan for each chunk of points, results out again.

Jets are differentiated with respect to weights and biases; with respect to points and directions the reference does it.
Never run on a GPU. Imported when something is compiled for one, and not with transjet: the package `transjet_kernels`
need not be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import jax
import jax.numpy as jnp

from transjet.backend import rates, reference, triton_binaries, triton_launch
from transjet.backend.chunks import run_in_chunks
from transjet.backend.reference import pick
from transjet.backend.registry import Request
from transjet.backend.triton_terms import FIELDS, Term, chunk_of, terms_of, why_not
from transjet.errors import BackendError
from transjet_kernels import jets, products
from transjet_kernels.aot import triton_version
from transjet_kernels.packing import pack
from transjet_kernels.problem import Tuning, candidates

Array = jax.Array


# --- plans ------------------------------------------------------------------------------------------------------------


def tuning_of(request: Request) -> Any:
    """The block sizes that measured best for these sizes on this device; None, the default, where nobody has."""
    found = rates.tuning(request)
    return None if found is None else Tuning(**found)


def candidates_of(request: Request) -> list[dict[str, int]]:
    """Tunings worth a try for a request, the default first."""
    plain = request.op in FIELDS and request.role != "cotangent"
    shapes = [(t.problem, t.problem.shape if plain else t.problem.factor_shape) for t in terms_of(request)]
    problem, shape = max(shapes, key=lambda pair: pair[1].padded)
    return [asdict(tuning) for tuning in candidates(problem, shape)]


def plan_of(request: Request, terms: Sequence[Term], points: int, tuning: Any = None) -> Any:
    """The plan that serves a request on so many of its points."""
    problems = [term.of(points) for term in terms]
    if request.op == "gram":
        return products.gram(problems, request.static.precise, tuning)
    if request.op == "gauss_newton":
        vectors = request.avals[terms[-1].end].shape[0]
        return products.gauss_newton(problems, vectors, request.static.weighted, request.static.shifted, tuning)
    made = {"forward": jets.forward, "tangent": jets.tangent, "cotangent": products.cotangent}
    return made[request.role](problems[0], tuning)


def refuses(request: Request) -> str | None:
    """Why the kernels cannot serve a request, None if they can. Without Triton, all of them must be shipped."""
    reason = next(why_not(request, plan_of), None)
    if reason is not None:
        return reason
    try:
        target = triton_binaries.target()
    except BackendError as error:
        return str(error)
    if triton_version() is not None:
        return None
    terms = terms_of(request)
    plan = plan_of(request, terms, chunk_of(request, terms))
    missing = [step for step in plan.launches if triton_binaries.find(step, step.signature(plan), target) is None]
    if not missing:
        return None
    return f"triton is not installed, and {missing[0].function} for sm_{target} is not shipped for these sizes"


# --- jets -------------------------------------------------------------------------------------------------------------


def _sweep(request: Request, operands: Sequence[Array], change: Sequence[Array] | None) -> list[Array]:
    """The fields of a jet, or their change along a change of the layers."""
    terms = terms_of(request)
    term, layers = terms[0], terms[0].layers(operands)
    arrays, complete = term.pointwise(operands)

    def run(points: int, parts: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        problem, (x, tau, dtau, directions) = term.of(points), complete(parts)
        plan = plan_of(request, terms, points, tuning_of(request))
        results = triton_launch.run(plan, jets.operands(jnp, problem, x, tau, dtau, directions, layers, change))
        if change is None:
            return jets.forward_fields(jnp, problem, dtau, results), []
        return jets.tangent_fields(problem, results), []

    return run_in_chunks(term.problem.n, chunk_of(request, terms), arrays, run)[0]


def forward(request: Request, *operands: Array) -> list[Array]:
    """The fields of a jet."""
    return _sweep(request, operands, None)


def _split(request: Request) -> tuple[tuple[bool, ...], tuple[bool, ...], int]:
    """Of the operands differentiated: the layers, which kernels serve; the rest; and where the layers begin."""
    head, count = 3 if request.static.directions is None else 4, len(request.wrt)
    return (False,) * head + request.wrt[head:], request.wrt[:head] + (False,) * (count - head), head


def tangent(request: Request, *operands: Array) -> list[Array]:
    """The change of a jet's fields along a change of its operands."""
    layers_moving, points_moving, head = _split(request)
    count = len(request.wrt)
    primals, tangents = operands[:count], operands[count:]
    results = []
    if any(layers_moving):
        moving = iter(pick(tangents, pick(layers_moving, request.wrt)))
        pairs = zip(primals[head:], request.wrt[head:], strict=True)
        change = [next(moving) if along else jnp.zeros_like(primal) for primal, along in pairs]
        results.append(_sweep(request, primals, change))
    if any(points_moving):
        along = pick(tangents, pick(points_moving, request.wrt))
        results.append(reference.tangent(request.operation, request.static, points_moving, primals, along))
    return [jnp.add(*parts) if len(parts) == 2 else parts[0] for parts in zip(*results, strict=True)]


def cotangent(request: Request, *operands: Array) -> list[Array]:
    """The gradient with respect to a jet's operands."""
    layers_moving, points_moving, head = _split(request)
    count = len(request.wrt)
    primals, cotangents = operands[:count], operands[count:]
    gradient: list[Array] = []
    if any(points_moving):
        gradient += reference.cotangent(request.operation, request.static, points_moving, primals, cotangents)
    if any(layers_moving):
        gradient += pick(_layer_gradient(request, operands), request.wrt[head:])
    return gradient


def _layer_gradient(request: Request, operands: Sequence[Array]) -> list[Array]:
    terms = terms_of(request)
    term, layers = terms[0], terms[0].layers(operands)
    arrays, complete = term.pointwise(operands)
    fixed = len(arrays)

    def run(points: int, parts: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        problem, (x, tau, dtau, directions) = term.of(points), complete(parts[:fixed])
        plan = plan_of(request, terms, points, tuning_of(request))
        given = products.term_arrays(jnp, problem, x, tau, dtau, directions, layers, parts[fixed:])
        return [], [g[0] for g in products.gradients(problem, triton_launch.run(plan, given))]

    arrays = [*arrays, *term.coefficients(operands)]
    return run_in_chunks(term.problem.n, chunk_of(request, terms), arrays, run)[1]


# --- products ---------------------------------------------------------------------------------------------------------


def _term_arrays(
    term: Term, index: int, points: int, parts: Iterator[Array], operands: Sequence[Array]
) -> dict[str, Any]:
    """The arrays of one term, for the next of the parts."""
    arrays, complete = term.pointwise(operands)
    x, tau, dtau, directions = complete([next(parts) for _ in arrays])
    coefficients = [next(parts) for _ in term.coefficients(operands)]
    layers, prefix = term.layers(operands), f"t{index}."
    return products.term_arrays(jnp, term.of(points), x, tau, dtau, directions, layers, coefficients, prefix)


def _parts(terms: Sequence[Term], operands: Sequence[Array]) -> list[Array]:
    """All arrays of the terms with an axis of points."""
    return [a for term in terms for a in [*term.pointwise(operands)[0], *term.coefficients(operands)]]


def _vectors(terms: Sequence[Term], operands: Sequence[Array]) -> tuple[dict[str, Array], int]:
    """The vectors of a product, packed like parameters; and where the operands after them begin."""
    at, found = terms[-1].end, {}
    for index, term in enumerate(terms):
        found[f"t{index}.vectors"] = pack(jnp, term.problem, operands[at : at + term.leaves])
        at += term.leaves
    return found, at


def gauss_newton(request: Request, *operands: Array) -> list[Array]:
    """J^T u for every vector, and u = W (J v + offset)."""
    terms, static = terms_of(request), request.static
    vectors, at = _vectors(terms, operands)
    weights, offset = operands[at : at + static.weighted], operands[at + static.weighted :]
    arrays = [*_parts(terms, operands), *weights, *(o.T for o in offset)]

    def run(points: int, parts: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        left, given = iter(parts), dict(vectors)
        for index, term in enumerate(terms):
            given |= _term_arrays(term, index, points, left, operands)
        given |= {"weights": next(left)} if static.weighted else {}
        given |= {"offset": next(left).T} if static.shifted else {}
        results = triton_launch.run(plan_of(request, terms, points, tuning_of(request)), given)
        sums = [g for i, term in enumerate(terms) for g in products.gradients(term.problem, results, f"t{i}.")]
        return [results["product"].T], sums

    joined, sums = run_in_chunks(terms[0].problem.n, chunk_of(request, terms), arrays, run)
    return [*sums, joined[0].T]


def gram(request: Request, *operands: Array) -> list[Array]:
    """J J^T."""
    terms = terms_of(request)
    count, parts = terms[0].problem.n, iter(_parts(terms, operands))
    given: dict[str, Array] = {}
    for index, term in enumerate(terms):
        given |= _term_arrays(term, index, count, parts, operands)
    return [triton_launch.run(plan_of(request, terms, count, tuning_of(request)), given)["gram"]]
