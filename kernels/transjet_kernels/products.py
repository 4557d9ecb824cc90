"""Plans of products with a residual's Jacobian: J^T u, J^T W (J v + offset), J J^T, from factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transjet_kernels.jets import (
    constants,
    point_arrays,
    point_buffers,
    point_pointers,
    scalars,
    staging,
    tiles,
)
from transjet_kernels.packing import pack_network, unpack
from transjet_kernels.plan import Buffer, Launch, Plan, pointers
from transjet_kernels.problem import MOST_GRAM_STREAMS, Problem, Tuning, candidates

_GRAM_TILE = 64  # points
_GRAM_PIECE = 512  # columns of J that are added up in their own type
_GRAM_INPUTS = 16  # of a layer, whose columns are assembled at once: few, so that these stay in a cache
SPLITS = 32  # blocks of rows whose sums are formed side by side
_COLUMNS = 64  # of a sum that a program forms
_BLOCK = 1024


def _tuning(problem: Problem, tuning: Tuning | None) -> Tuning:
    return tuning or candidates(problem, problem.factor_shape)[0]


def _rows(problem: Problem, tuning: Tuning) -> int:
    return tiles(problem, problem.factor_shape, tuning) * tuning.rows


def _term_buffers(problem: Problem, prefix: str) -> list[Buffer]:
    n, ty = problem.n, problem.dtype
    found = [*point_buffers(problem, prefix), Buffer(f"{prefix}parameters", (problem.parameters,), ty)]
    found.append(Buffer(f"{prefix}c_value", (n, problem.d) if problem.is_vector else (n,), ty))
    if problem.jet != "gradient_jet":
        found.append(Buffer(f"{prefix}c_second", (n,), ty))
    return found


def _factor_buffers(problem: Problem, prefix: str, tuning: Tuning) -> list[Buffer]:
    rows, w = _rows(problem, tuning), problem.hidden * problem.width
    return [
        Buffer(f"{prefix}entering", (rows * (problem.padded_inputs + w),), problem.dtype),
        Buffer(f"{prefix}leaving", (rows * (w + problem.padded_outputs),), problem.dtype),
        staging(problem, rows, prefix),
    ]


def _factors(problem: Problem, prefix: str, tuning: Tuning) -> Launch:
    shape = problem.factor_shape
    second = "c_value" if problem.jet == "gradient_jet" else "c_second"
    names = {
        **point_pointers(problem, prefix),
        "parameters": f"{prefix}parameters",
        "c_value": f"{prefix}c_value",
        "c_second": f"{prefix}{second}",
    }
    writes = {name: f"{prefix}{name}" for name in ("staging", "entering", "leaving")}
    return Launch(
        "transjet_kernels.factors",
        "factors",
        (tiles(problem, shape, tuning), 1, 1),
        pointers("in", names) + pointers("out", writes),
        (*scalars(problem, shape), ("rows", _rows(problem, tuning))),
        constants(problem, shape, tuning, "TIME", "SECOND", "VECTOR", "DIRECTIONS", "ACTIVATION", "PRECISION"),
        tuning.num_warps,
        tuning.num_stages,
    )


def _contract(
    problem: Problem, prefix: str, tuning: Tuning, vectors: int, start: str | None, weights: str | None, product: str
) -> Launch:
    """A term's J v added to `start`, and the sum weighted."""
    shape = problem.factor_shape
    names = {
        "entering": f"{prefix}entering",
        "leaving": f"{prefix}leaving",
        "vectors": f"{prefix}vectors",
        "start": start or f"{prefix}vectors",
        "weights": weights or f"{prefix}vectors",
    }
    return Launch(
        "transjet_kernels.contract",
        "contract",
        (tiles(problem, shape, tuning), vectors, 1),
        pointers("in", names) + pointers("out", {"product": product}),
        (
            ("n", problem.n),
            ("hidden", problem.hidden),
            ("rows", _rows(problem, tuning)),
            ("size", problem.parameters),
            ("has_start", int(start is not None)),
            ("has_weights", int(weights is not None)),
        ),
        constants(problem, shape, tuning, "PRECISION"),
        tuning.num_warps,
        tuning.num_stages,
    )


def _layer_groups(problem: Problem, rows: int) -> list[tuple[int, int, int, dict[str, int]]]:
    """Layers of a kind: how many, fan in, fan out, and where their matrices begin."""
    ip, w, dp, hidden = problem.padded_inputs, problem.width, problem.padded_outputs, problem.hidden
    weights = (ip + (hidden - 1) * w) * w
    biases = weights + w * dp

    def group(count: int, a: int, b: int, *at: int) -> tuple[int, int, int, dict[str, int]]:
        return count, a, b, dict(zip(("h_at", "zbar_at", "weight_at", "bias_at"), at, strict=True))

    first = group(1, ip, w, 0, 0, 0, biases)
    middle = group(hidden - 1, w, w, rows * ip, rows * w, ip * w, biases + w)
    last_h = rows * (ip + (hidden - 1) * w)
    last = group(1, w, dp, last_h, rows * hidden * w, weights, biases + hidden * w)
    return [g for g in (first, middle, last) if g[0]]


def _sums(
    problem: Problem, prefix: str, tuning: Tuning, vectors: int, scale: str | None
) -> tuple[list[Launch], list[Buffer]]:
    """J^T of `scale`, or of ones, into `gradient`; and what that takes in working memory."""
    shape, rows, size = problem.factor_shape, _rows(problem, tuning), problem.parameters
    blocks = -(-rows // tuning.rows // SPLITS)
    splits = -(-(rows // tuning.rows) // blocks)
    partial = Buffer(f"{prefix}partial", (vectors, splits, size), problem.dtype)
    launches: list[Launch] = []
    for count, a, b, at in _layer_groups(problem, rows):
        names = {
            "entering": f"{prefix}entering",
            "leaving": f"{prefix}leaving",
            "scale": scale or f"{prefix}entering",
        }
        numbers = {"n": problem.n, "rows": rows, "blocks": blocks, "size": size, **at}
        numbers["has_scale"] = int(scale is not None)
        columns = min(b, _COLUMNS)
        sizes = {"M": tuning.rows, "SP": shape.padded, "A": a, "B": b, "COLUMNS": columns}
        launches.append(
            Launch(
                "transjet_kernels.sums",
                "sums",
                (splits, count * b // columns, vectors),
                pointers("in", names) + pointers("inout" if launches else "out", {"partial": partial.name}),
                tuple(numbers.items()),
                (*sizes.items(), ("PRECISION", problem.precision)),
                tuning.num_warps,
                tuning.num_stages,
            )
        )
    launches.append(
        Launch(
            "transjet_kernels.sums",
            "reduce",
            (-(-size // _BLOCK), vectors, 1),
            pointers("in", {"partial": partial.name}) + pointers("out", {"result": f"{prefix}gradient"}),
            (("splits", splits), ("size", size)),
            (("BLOCK", _BLOCK),),
            4,
            1,
        )
    )
    return launches, [partial]


def cotangent(problem: Problem, tuning: Tuning | None = None) -> Plan:
    """J^T of a jet's cotangent, which takes the place of the coefficients: result `gradient` (1, parameters)."""
    chosen = _tuning(problem, tuning)
    launches, scratch = _sums(problem, "", chosen, 1, None)
    return Plan(
        tuple(_term_buffers(problem, "")),
        (Buffer("gradient", (1, problem.parameters), problem.dtype),),
        (*_factor_buffers(problem, "", chosen), *scratch),
        (_factors(problem, "", chosen), *launches),
    )


def gauss_newton(
    problems: Sequence[Problem], vectors: int, weighted: bool, shifted: bool, tuning: Tuning | None = None
) -> Plan:
    """J^T u and u = W (J v + offset), over terms at the same points, for several v.

    Names of a term's buffers begin with t0., t1. and so on. Operands besides the terms': per term `vectors`
    (vectors, parameters); weights (n); offset (vectors, n). Results: per term `gradient`; and `product`, which is u.
    """
    n, ty = problems[0].n, problems[0].dtype
    operands: list[Buffer] = []
    results: list[Buffer] = []
    scratch: list[Buffer] = []
    factors, products, sums = [], [], []
    start = "offset" if shifted else None
    for index, problem in enumerate(problems):
        prefix, chosen, is_last = f"t{index}.", _tuning(problem, tuning), index == len(problems) - 1
        operands += _term_buffers(problem, prefix)
        operands.append(Buffer(f"{prefix}vectors", (vectors, problem.parameters), ty))
        results.append(Buffer(f"{prefix}gradient", (vectors, problem.parameters), ty))
        scratch += _factor_buffers(problem, prefix, chosen)
        factors.append(_factors(problem, prefix, chosen))
        product = Buffer("product" if is_last else f"{prefix}product", (vectors, n), ty)
        (results if is_last else scratch).append(product)
        weights = "weights" if weighted and is_last else None
        products.append(_contract(problem, prefix, chosen, vectors, start, weights, product.name))
        start = product.name
        launches, partial = _sums(problem, prefix, chosen, vectors, "product")
        sums += launches
        scratch += partial
    operands += [Buffer("weights", (n,), ty)] * weighted + [Buffer("offset", (vectors, n), ty)] * shifted
    return Plan(tuple(operands), tuple(results), tuple(scratch), (*factors, *products, *sums))


def _outer(problem: Problem, matrix: str, at: int, stride: int, width: int, is_added: bool) -> Launch:
    """Rows of `width` numbers, `stride` apart, times their transpose."""
    count = -(-problem.n // _GRAM_TILE)
    sizes: dict[str, int | str] = {
        "BT": _GRAM_TILE,
        "K": width,
        "PIECE": min(width, _GRAM_PIECE),
        "PRECISION": problem.precision,
    }
    return Launch(
        "transjet_kernels.assembled",
        "outer",
        (count, count, 1),
        pointers("in", {"columns": matrix}) + pointers("inout" if is_added else "out", {"result": "gram"}),
        (("n", problem.n), ("at", at), ("stride", stride), ("is_added", int(is_added))),
        tuple(sizes.items()),
        8,
        1,
    )


def _assembled(problem: Problem, prefix: str, tuning: Tuning, is_added: bool) -> tuple[list[Launch], Buffer]:
    """A term's J J^T layer by layer, from columns of J; and the memory for these."""
    rows, streams = _rows(problem, tuning), problem.factor_shape.padded
    points, launches, largest = rows // streams, [], 0
    entering, leaving = f"{prefix}entering", f"{prefix}leaving"
    for count, a, b, at in _layer_groups(problem, rows):
        part, columns = _GRAM_INPUTS, min(b, _COLUMNS)
        largest = max(largest, part * b)
        sizes: dict[str, int | str] = {"SP": streams, "PART": part, "A": a, "B": b, "COLUMNS": columns}
        sizes["PRECISION"] = problem.precision
        for layer in range(count):
            zbar_at = at["zbar_at"] + layer * rows * b
            launches.append(_outer(problem, leaving, zbar_at, streams * b, b, is_added))  # of the biases
            is_added = True
            for first in range(0, a, part):
                numbers = {"h_at": at["h_at"] + layer * rows * a, "zbar_at": zbar_at, "first": first}
                launches.append(
                    Launch(
                        "transjet_kernels.assembled",
                        "assemble",
                        (points, b // columns, 1),
                        pointers("in", {"entering": entering, "leaving": leaving})
                        + pointers("out", {"columns": f"{prefix}columns"}),
                        tuple(numbers.items()),
                        tuple(sizes.items()),
                        4,
                        1,
                    )
                )
                launches.append(_outer(problem, f"{prefix}columns", 0, part * b, part * b, True))
    return launches, Buffer(f"{prefix}columns", (points * largest,), problem.dtype)


def gram(problems: Sequence[Problem], precise: bool, tuning: Tuning | None = None) -> Plan:
    """J J^T over terms at the same points, result `gram` (n, n); added up in float64 if that is asked for.

    From products of factors for up to MOST_GRAM_STREAMS streams, from columns of J beyond.
    Names of a term's buffers begin with t0., t1. and so on.
    """
    n = problems[0].n
    operands: list[Buffer] = []
    scratch: list[Buffer] = []
    launches: list[Launch] = []
    for index, problem in enumerate(problems):
        prefix, chosen, shape = f"t{index}.", _tuning(problem, tuning), problem.factor_shape
        operands += _term_buffers(problem, prefix)
        scratch += _factor_buffers(problem, prefix, chosen)
        count = tiles(problem, shape, chosen)
        launches.append(_factors(problem, prefix, chosen))
        if shape.padded > MOST_GRAM_STREAMS:
            made, columns = _assembled(problem, prefix, chosen, index > 0)
            launches += made
            scratch.append(columns)
            continue
        names = {"entering": f"{prefix}entering", "leaving": f"{prefix}leaving"}
        launches.append(
            Launch(
                "transjet_kernels.gram",
                "gram",
                (count, count, 1),
                pointers("in", names) + pointers("inout" if index else "out", {"result": "gram"}),
                (
                    ("n", n),
                    ("hidden", problem.hidden),
                    ("rows", _rows(problem, chosen)),
                    ("is_added", int(index > 0)),
                ),
                constants(problem, shape, chosen, "PRECISION"),
                chosen.num_warps,
                chosen.num_stages,
            )
        )
    result = Buffer("gram", (n, n), "float64" if precise else problems[0].dtype)
    return Plan(tuple(operands), (result,), tuple(scratch), tuple(launches))


def term_arrays(
    xp: Any,
    problem: Problem,
    x: Any,
    tau: Any,
    dtau: Any,
    directions: Any,
    leaves: Sequence[Any],
    coefficients: Sequence[Any],
    prefix: str = "",
) -> dict[str, Any]:
    """Arrays of one term, or of a cotangent, by the names of its buffers.

    Args:
        xp: numpy or jax.numpy.
        problem: the sizes.
        x: coordinates, (n, d).
        tau: time features, (n, f).
        dtau: their derivatives, (n, f).
        directions: None, (k, d) or (n, k, d).
        leaves: W_1, b_1, ...
        coefficients: one for each of the jet's fields, in its order.
        prefix: of the names.
    """
    along = None
    if not problem.is_vector:
        along = xp.concatenate([coefficients[2], coefficients[1][:, None] * dtau], axis=1)
    found = point_arrays(xp, x, tau, along, directions)
    found["parameters"] = pack_network(xp, problem, leaves)
    found["c_value"] = coefficients[0]
    if problem.jet != "gradient_jet":
        found["c_second"] = coefficients[-1]
    return {f"{prefix}{name}": value for name, value in found.items()}


def gradients(problem: Problem, results: Mapping[str, Any], prefix: str = "") -> list[Any]:
    """dW_1, db_1, ... with a leading axis of vectors."""
    return unpack(problem, results[f"{prefix}gradient"])
