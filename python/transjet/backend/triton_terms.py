"""From a request's flat operands to what the plans of Triton kernels are made of: problems and arrays.

Imported where kernels are looked for or run, and not with transjet: `transjet_kernels` need not be installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from transjet.backend.registry import Request
from transjet_kernels.plan import Plan, too_large
from transjet_kernels.problem import Problem, points_per_chunk, refuses

FIELDS = {"gradient_jet": 3, "laplacian_jet": 4, "divergence_jet": 2}
"""The jets, and how many fields each has."""


@dataclass(frozen=True)
class Term:
    """A problem and where its operands are.

    Attributes:
        problem: the sizes, with all points.
        start: position of x in the flat operands; tau, dtau and the directions follow.
        head: operands before the layers.
        leaves: operands that are weights and biases.
    """

    problem: Problem
    start: int
    head: int
    leaves: int

    def points(self, operands: Sequence[Any]) -> list[Any]:
        """x, tau, dtau, directions or None."""
        found = list(operands[self.start : self.start + self.head])
        return found if self.head == 4 else [*found, None]

    def layers(self, operands: Sequence[Any]) -> list[Any]:
        """W_1, b_1, ..."""
        return list(operands[self.start + self.head : self.start + self.head + self.leaves])

    def coefficients(self, operands: Sequence[Any]) -> list[Any]:
        """What follows the layers: an array for each field of the jet."""
        at = self.start + self.head + self.leaves
        return list(operands[at : at + FIELDS[self.problem.jet]])

    def pointwise(self, operands: Sequence[Any]) -> tuple[list[Any], Callable[[Sequence[Any]], list[Any]]]:
        """Those of `points` that have an axis of points, and how to put chunks of them back among the others."""
        found = self.points(operands)
        if self.problem.directions == "point":
            return found, list
        return found[:3], lambda parts: [*parts, found[3]]

    @property
    def end(self) -> int:
        """Position after the coefficients."""
        return self.start + self.head + self.leaves + FIELDS[self.problem.jet]

    def of(self, points: int) -> Problem:
        """The problem with so many points."""
        return replace(self.problem, n=points)


def term_of(jet: str, static: Any, operands: Sequence[Any], start: int = 0) -> Term:
    """The term whose operands begin at `start`; arrays or only their shapes."""
    head, leaves = 3 if static.directions is None else 4, 2 * len(static.activation) + 2
    x, tau = operands[start : start + 2]
    weights = operands[start + head : start + head + leaves : 2]
    problem = Problem(
        jet=jet,
        n=x.shape[0],
        d=x.shape[1],
        f=tau.shape[1],
        widths=tuple(w.shape[1] for w in weights[:-1]),
        activation=static.activation,
        directions=static.directions,
        count=0 if static.directions is None else operands[start + 3].shape[-2],
        dtype=str(x.dtype),
    )
    return Term(problem, start, head, leaves)


def terms_of(request: Request, operands: Sequence[Any] | None = None) -> list[Term]:
    """The one term of a jet, or all those of a product."""
    avals = request.avals if operands is None else operands
    if request.op in FIELDS:
        return [term_of(request.op, request.static, avals)]
    found: list[Term] = []
    for jet, settings in zip(request.static.jets, request.static.settings, strict=True):
        found.append(term_of(jet, settings, avals, found[-1].end if found else 0))
    return found


def role_of(request: Request) -> str:
    """A jet's role, or the name of a product."""
    return request.role if request.op in FIELDS else request.op


def chunk_of(request: Request, terms: Sequence[Term]) -> int:
    """Points that a plan for the request works on at once; all of them where they cannot be divided."""
    count = terms[0].problem.n
    if request.op == "gram":
        return count
    return min(count, points_per_chunk([term.problem for term in terms], role_of(request)))


def why_not(request: Request, plan: Any) -> Iterator[str]:
    """Reasons, if there are any, why the kernels cannot serve a request; `plan` makes its plan."""
    terms, role = terms_of(request), role_of(request)
    reasons = [reason for term in terms if (reason := refuses(term.problem, role))]
    if getattr(request.static, "cached", False):
        reasons.append("does not read kept factors")
    yield from reasons
    if not reasons:
        made: Plan = plan(request, terms, chunk_of(request, terms))
        name = too_large(made.buffers())
        if name is not None:
            yield f"serves arrays of fewer than 2^31 numbers, {name} has {made.buffer(name).size}"
