"""What `transjet tune` measures: operations on random networks and points of given sizes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.backend import Request, rates, requested_precision, tuning
from transjet.errors import ConfigError
from transjet.ops._terms import JETS, Term
from transjet.ops.gauss_newton import _prepare as prepare_gauss_newton
from transjet.ops.gram import _prepare as prepare_gram

OPERATIONS = (*JETS, "gauss_newton", "gram")
ROLES = ("forward", "tangent", "cotangent")
DTYPES = ("float32", "float64")
_FEATURES = 1  # of time, as models have by default


@dataclass(frozen=True)
class Case:
    """One thing to measure.

    Attributes:
        op: a jet, or "gauss_newton" or "gram" of a residual of one laplacian_jet.
        role: of a jet; products have "forward" alone.
        dtype: "float32" or "float64".
        width: of the hidden layers.
        d: coordinates.
        points: how many.
        depth: hidden layers.
    """

    op: str
    role: str
    dtype: str
    width: int
    d: int
    points: int = 8192
    depth: int = 3

    def __str__(self) -> str:
        return f"{self.op} {self.role} {self.dtype} w={self.width} d={self.d} n={self.points} depth={self.depth}"


@dataclass(frozen=True)
class Result:
    """A case, its times, and the row that goes into the table; None where neither backend could run."""

    case: Case
    timings: dict[str, tuning.Timing]
    row: rates.Row | None


def cases(
    ops: Sequence[str],
    roles: Sequence[str],
    dtypes: Sequence[str],
    widths: Sequence[int],
    dims: Sequence[int],
    **sizes: int,
) -> list[Case]:
    """All combinations.

    Args:
        ops: names among OPERATIONS.
        roles: of jets, among ROLES.
        dtypes: "float32" and "float64".
        widths: of the hidden layers.
        dims: coordinates.
        **sizes: points and depth.

    Raises:
        ConfigError: an unknown name, or a size below one.
    """
    for name, given, known in (("op", ops, OPERATIONS), ("role", roles, ROLES), ("dtype", dtypes, DTYPES)):
        unknown = [word for word in given if word not in known]
        if unknown:
            raise ConfigError(f"tune: {name}: expected one of {', '.join(known)}; got {unknown[0]!r}")
    small = [size for size in (*widths, *dims, *sizes.values()) if size < 1]
    if small:
        raise ConfigError(f"tune: expected sizes of one or more; got {small[0]}")
    return [
        Case(op, role, dtype, width, d, **sizes)
        for op, role, dtype, width, d in itertools.product(ops, roles, dtypes, widths, dims)
        if op in JETS or role == "forward"
    ]


def run(wanted: Sequence[Case], repeats: int = 20, limit: int | None = None) -> Iterator[Result]:
    """Measure cases on the first GPU, one after the other.

    Args:
        wanted: the cases.
        repeats: rows of calls for each time.
        limit: at most so many tunings of Triton's kernels, the default first; None: no limit.

    Yields:
        A result for every case.

    Raises:
        BackendError: there is no GPU.
    """
    kind = tuning.require_device()
    for case in wanted:
        with jax.enable_x64(case.dtype == "float64"):
            request, operands = prepare(case)
            timings = tuning.measure(request, operands, repeats, limit)
        yield Result(case, timings, tuning.row_of(request, kind, timings))


def keep(result: Result) -> Path:
    """Put a result's row into the user's table.

    Returns:
        The table.

    Raises:
        OutputError: it cannot be written.
    """
    return rates.add([] if result.row is None else [result.row])


def prepare(case: Case) -> tuple[Request, list[Any]]:
    """The request for the platform cuda, and operands for it."""
    random = np.random.default_rng(0)

    def array(shape: Sequence[int]) -> jax.Array:
        return jnp.asarray(random.standard_normal(shape), case.dtype)

    jet = case.op if case.op in JETS else "laplacian_jet"
    sizes = (case.d + _FEATURES, *[case.width] * case.depth, case.d if jet == "divergence_jet" else 1)
    layers = tuple((array(pair) / pair[0] ** 0.5, array(pair[1:])) for pair in itertools.pairwise(sizes))
    x, tau, dtau = (array((case.points, count)) for count in (case.d, _FEATURES, _FEATURES))
    # Coefficients, or cotangents, one for each field of the jet.
    shapes = jax.eval_shape(lambda *a: JETS[jet](layers, *a, backend="xla"), x, tau, dtau)
    fields = type(shapes)(*(array(field.shape) for field in shapes))
    if case.op in JETS:
        static, flat = JETS[jet].prepare(layers, x, tau, dtau, "tanh")
        more = {"forward": [], "tangent": [array(leaf.shape) for leaf in flat[3:]], "cotangent": list(fields)}[
            case.role
        ]
        wrt = (False,) * 3 + (True,) * (len(flat) - 3) if more else ()
        return _request(case, static, [*flat, *more], wrt)
    terms = [Term(jet, layers, x, tau, dtau, fields)]
    made = prepare_gram(terms, False) if case.op == "gram" else prepare_gauss_newton(terms, [layers], None, None, None)
    return _request(case, *made)


def _request(case: Case, static: Any, operands: list[Any], wrt: tuple[bool, ...] = ()) -> tuple[Request, list[Any]]:
    """Derivatives are those with respect to all weights and biases, which kernels serve without the reference."""
    avals = tuple(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in operands)
    return Request(case.op, case.role, "cuda", static, wrt, avals, precision=requested_precision()), operands
