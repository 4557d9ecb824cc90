"""Plans of the jets themselves and of their derivatives along a change of the parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transjet_kernels.packing import pack, pack_network
from transjet_kernels.plan import Buffer, Launch, Plan, pointers
from transjet_kernels.problem import DIRECTIONS, Problem, Shape, Tuning, candidates


def tiles(problem: Problem, shape: Shape, tuning: Tuning) -> int:
    """Tiles of rows that hold all points."""
    points = tuning.rows // shape.padded
    return -(-problem.n // points)


def layout(problem: Problem, shape: Shape, tuning: Tuning) -> dict[str, int]:
    """The constants that all kernels of tiles share."""
    return {
        "BT": tuning.rows // shape.padded,
        "SP": shape.padded,
        "IP": problem.padded_inputs,
        "W": problem.width,
        "DP": problem.padded_outputs,
    }


def constants(problem: Problem, shape: Shape, tuning: Tuning, *names: str) -> tuple[tuple[str, int | str], ...]:
    """Constants of a kernel: the tile's, then some of the others, in the order of their names here."""
    others: dict[str, int | str] = {
        "TIME": int(shape.time),
        "SECOND": int(shape.second),
        "VECTOR": int(problem.is_vector),
        "DIRECTIONS": DIRECTIONS.index(problem.directions),
        "ACTIVATION": problem.activation_kind,
        "PRECISION": problem.precision,
    }
    chosen = {name: value for name, value in others.items() if name in names}
    return tuple({**layout(problem, shape, tuning), **chosen}.items())


def scalars(problem: Problem, shape: Shape) -> tuple[tuple[str, int], ...]:
    """Arguments of every sweep."""
    return (
        ("n", problem.n),
        ("d", problem.d),
        ("i", problem.inputs),
        ("k", shape.tangents),
        ("hidden", problem.hidden),
        ("code", problem.activation_code),
    )


def point_buffers(problem: Problem, prefix: str = "", *, moving: bool = True) -> list[Buffer]:
    """Operands that say where the points are: inputs, [along], [directions]."""
    n, d, i, ty = problem.n, problem.d, problem.inputs, problem.dtype
    found = [Buffer(f"{prefix}inputs", (n, i), ty)]
    if moving and not problem.is_vector:
        found.append(Buffer(f"{prefix}along", (n, i), ty))
    if problem.directions is not None:
        lead = (n,) if problem.directions == "point" else ()
        found.append(Buffer(f"{prefix}directions", (*lead, problem.count, d), ty))
    return found


def point_arrays(xp: Any, x: Any, tau: Any, along: Any, directions: Any) -> dict[str, Any]:
    """The arrays of `point_buffers`, without those that are None."""
    found = {"inputs": xp.concatenate([x, tau], axis=1), "along": along, "directions": directions}
    return {name: value for name, value in found.items() if value is not None}


def point_pointers(problem: Problem, prefix: str = "") -> dict[str, str]:
    """Parameters inputs, along and directions; the inputs stand in for what a kernel does not read."""
    return {
        "inputs": f"{prefix}inputs",
        "along": f"{prefix}inputs" if problem.is_vector else f"{prefix}along",
        "directions": f"{prefix}inputs" if problem.directions is None else f"{prefix}directions",
    }


def staging(problem: Problem, rows: int, prefix: str = "") -> Buffer:
    """Where programs put tiles that are too wide for registers; never without an element, to have an address."""
    return Buffer(f"{prefix}staging", (max(1, rows * problem.staged),), problem.dtype)


def _needs_reverse(problem: Problem) -> bool:
    """A Laplacian along given directions does not see the gradient pass by."""
    return problem.jet == "gradient_jet" or (problem.jet == "laplacian_jet" and problem.directions is not None)


def _stream_launch(
    problem: Problem, kernel: str, results: Mapping[str, str], tuning: Tuning | None, prefix: str = ""
) -> tuple[Launch, Buffer]:
    shape = problem.shape
    tuning = tuning or candidates(problem, shape)[0]
    names = {**point_pointers(problem), "parameters": "parameters"}
    if kernel == "tangent":
        names["change"] = "change"
    numbers = scalars(problem, shape)
    wanted = ["DIRECTIONS", "ACTIVATION", "PRECISION"]
    if problem.is_vector:
        names.pop("along")
    else:
        numbers += (("streams", shape.count),)
        wanted += ["TIME", "SECOND"]
    count = tiles(problem, shape, tuning)
    memory = staging(problem, count * tuning.rows, prefix)
    launch = Launch(
        f"transjet_kernels.{kernel}",
        f"{kernel}_{'vector' if problem.is_vector else 'scalar'}",
        (count, 1, 1),
        pointers("in", names) + pointers("out", {"staging": memory.name, **results}),
        numbers,
        constants(problem, shape, tuning, *wanted),
        tuning.num_warps,
        tuning.num_stages,
    )
    return launch, memory


def _reverse_launch(problem: Problem, tuning: Tuning | None) -> tuple[Launch, list[Buffer]]:
    shape = Shape(0, False, False)
    tuning = tuning or candidates(problem, shape)[0]
    count = tiles(problem, shape, tuning)
    rows = count * tuning.rows
    sizes = dict(scalars(problem, shape))
    launch = Launch(
        "transjet_kernels.reverse",
        "reverse",
        (count, 1, 1),
        pointers("in", {"inputs": "inputs", "parameters": "parameters"})
        + pointers("out", {"staging": "reverse.staging", "slopes": "slopes", "value": "value", "gradient": "gradient"}),
        (*((name, sizes[name]) for name in ("n", "i", "hidden", "code")), ("rows", rows)),
        tuple(c for c in constants(problem, shape, tuning, "ACTIVATION", "PRECISION") if c[0] != "SP"),
        tuning.num_warps,
        tuning.num_stages,
    )
    # A single hidden layer keeps no slopes, but an array of no elements has no address.
    slopes = Buffer("slopes", (max(1, problem.hidden - 1), rows, problem.width), problem.dtype)
    return launch, [staging(problem, rows, "reverse."), slopes]


def _stream_results(problem: Problem, name: str = "streams") -> list[Buffer]:
    n, ty = problem.n, problem.dtype
    if problem.is_vector:
        return [Buffer("value", (n, problem.d), ty), Buffer("divergence", (n,), ty)]
    return [Buffer(name, (n, problem.shape.count), ty)]


def _result_pointers(problem: Problem, name: str = "streams") -> dict[str, str]:
    return {"value": "value", "divergence": "divergence"} if problem.is_vector else {"result": name}


def forward(problem: Problem, tuning: Tuning | None = None) -> Plan:
    """The jet."""
    operands = point_buffers(problem, moving=problem.jet != "gradient_jet")
    operands.append(Buffer("parameters", (problem.parameters,), problem.dtype))
    results: list[Buffer] = []
    scratch: list[Buffer] = []
    launches: list[Launch] = []
    if problem.jet != "gradient_jet":
        launch, memory = _stream_launch(problem, "forward", _result_pointers(problem), tuning)
        launches.append(launch)
        scratch.append(memory)
        results += _stream_results(problem)
    if _needs_reverse(problem):
        launch, buffers = _reverse_launch(problem, None if launches else tuning)
        launches.append(launch)
        scratch += buffers
        results.append(Buffer("value", (problem.n,), problem.dtype))
        results.append(Buffer("gradient", (problem.n, problem.inputs), problem.dtype))
    return Plan(tuple(operands), tuple(results), tuple(scratch), tuple(launches))


def tangent(problem: Problem, tuning: Tuning | None = None) -> Plan:
    """The jet's derivative along `change`, which is packed like the parameters."""
    operands = point_buffers(problem)
    operands += [Buffer(name, (problem.parameters,), problem.dtype) for name in ("parameters", "change")]
    results = _stream_results(problem)
    launch, memory = _stream_launch(problem, "tangent", _result_pointers(problem), tuning)
    launches, scratch = [launch], [memory]
    if problem.jet == "laplacian_jet" and problem.directions is not None:
        gradient = problem.coordinates
        pointers_of_results = _result_pointers(gradient, "first_order")
        launch, memory = _stream_launch(gradient, "tangent", pointers_of_results, None, "first_order.")
        launches.append(launch)
        scratch.append(memory)
        results += _stream_results(gradient, "first_order")
    return Plan(tuple(operands), tuple(results), tuple(scratch), tuple(launches))


def operands(
    xp: Any,
    problem: Problem,
    x: Any,
    tau: Any,
    dtau: Any,
    directions: Any,
    leaves: Sequence[Any],
    change: Sequence[Any] | None = None,
) -> dict[str, Any]:
    """Arrays for `forward`, or with `change` for `tangent`.

    Args:
        xp: numpy or jax.numpy.
        problem: the sizes.
        x: coordinates, (n, d).
        tau: time features, (n, f).
        dtau: their derivatives, (n, f).
        directions: None, (k, d) or (n, k, d).
        leaves: W_1, b_1, ...
        change: arrays like the leaves.
    """
    along = None
    if not problem.is_vector and (problem.jet != "gradient_jet" or change is not None):
        along = xp.concatenate([xp.zeros_like(x), dtau], axis=1)
    found = point_arrays(xp, x, tau, along, directions)
    found["parameters"] = pack_network(xp, problem, leaves)
    return found if change is None else {**found, "change": pack(xp, problem, change)}


def forward_fields(xp: Any, problem: Problem, dtau: Any, results: Mapping[str, Any]) -> list[Any]:
    """The jet's fields from the results of `forward`."""
    if problem.is_vector:
        return [results["value"], results["divergence"]]
    if not _needs_reverse(problem):
        return _fields_of_streams(problem, results["streams"])
    gradient, d = results["gradient"], problem.d
    if problem.jet == "gradient_jet":
        return [results["value"], xp.sum(gradient[:, d:] * dtau, axis=1), gradient[:, :d]]
    streams = results["streams"]
    return [streams[:, 0], streams[:, 1], gradient[:, :d], streams[:, 2]]


def tangent_fields(problem: Problem, results: Mapping[str, Any]) -> list[Any]:
    """The change of the jet's fields from the results of `tangent`."""
    if problem.is_vector:
        return [results["value"], results["divergence"]]
    if problem.directions is None:
        return _fields_of_streams(problem, results["streams"])
    streams = results["streams"]
    return [streams[:, 0], streams[:, 1], results["first_order"][:, 2:], streams[:, 2]]


def _fields_of_streams(problem: Problem, streams: Any) -> list[Any]:
    """Fields of a scalar network's streams along the coordinates: value, dt, [second], gradient."""
    head = 2 + problem.shape.second
    fields = [streams[:, 0], streams[:, 1], streams[:, head:]]
    return [*fields, streams[:, 2]] if problem.shape.second else fields
