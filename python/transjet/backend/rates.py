"""Which of the two backends for NVIDIA GPUs is faster, from measured rows: shipped with the package, or a user's own.

A row says how long one operation took on one device at one size on either backend, and how Triton's kernels were tuned
for it. Between sizes the nearest row counts, in the logarithms of width and streams. `transjet tune` writes rows into
the user's cache.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import warnings
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import jax

from transjet.backend.cache import cache_folder, replace_file
from transjet.backend.registry import Request
from transjet.errors import OutputError

FORMAT = 1
SHIPPED = Path(__file__).parent / "rates.json"
_JETS = ("gradient_jet", "laplacian_jet", "divergence_jet")
_forced: ContextVar[tuple[dict[str, int] | None, ...]] = ContextVar("transjet_tuning", default=())


@dataclass(frozen=True)
class Sizes:
    """What the speed of an operation is looked up by.

    Attributes:
        op: name of the operation.
        role: "forward", "tangent" or "cotangent".
        dtype: "float32" or "float64".
        width: of the widest hidden layer.
        d: coordinates.
        streams: of the jet with the most.
        precision: of products of float32, see `transjet.backend.precision`; "default" for float64.
    """

    op: str
    role: str
    dtype: str
    width: int
    d: int
    streams: int
    precision: str = "default"


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        device: as JAX names its kind.
        sizes: of what.
        cuda: milliseconds of the cuda backend; None where it cannot serve these sizes.
        triton: milliseconds of the triton backend, tuned; None likewise.
        tuning: rows, num_warps and num_stages of Triton's kernels; None for the default.
        date: of the measurement, year-month-day.
    """

    device: str
    sizes: Sizes
    cuda: float | None
    triton: float | None
    tuning: dict[str, int] | None
    date: str


def streams_of(jet: str, d: int, count: int | None) -> int:
    """Streams of a jet in d coordinates, or along `count` directions."""
    along = d if count is None else count
    return {"gradient_jet": 2, "laplacian_jet": along + 3}.get(jet, along + 1)


def sizes_of(request: Request) -> Sizes | None:
    """The sizes of a request; None for operations that are not measured."""
    if request.op in _JETS:
        terms = [(request.op, request.static)]
    elif hasattr(request.static, "jets"):
        terms = list(zip(request.static.jets, request.static.settings, strict=True))
    else:
        return None
    at, widths, streams = 0, [1], []
    for jet, settings in terms:
        head, leaves = 3 if settings.directions is None else 4, 2 * len(settings.activation) + 2
        d = request.avals[at].shape[1]
        count = None if settings.directions is None else request.avals[at + 3].shape[-2]
        streams.append(streams_of(jet, d, count))
        widths += [w.shape[1] for w in request.avals[at + head : at + head + leaves - 2 : 2]]
        at += head + leaves + {"gradient_jet": 3, "laplacian_jet": 4}.get(jet, 2)
    first = request.avals[0]
    precision = request.precision if str(first.dtype) == "float32" else "default"
    return Sizes(request.op, request.role, str(first.dtype), max(widths), first.shape[1], max(streams), precision)


@functools.cache
def device() -> str | None:
    """Kind of the first NVIDIA GPU that JAX has; None where there is none."""
    try:
        return str(jax.devices("cuda")[0].device_kind)
    except RuntimeError:
        return None


# --- tables -----------------------------------------------------------------------------------------------------------


def _row(record: dict[str, Any]) -> Row:
    # Tables of the first version have no precision: all that they say was measured with the default one.
    sizes = Sizes(**{f.name: ({"precision": "default"} | record)[f.name] for f in fields(Sizes)})
    return Row(record["device"], sizes, record["cuda"], record["triton"], record["tuning"], record["date"])


def _record(row: Row) -> dict[str, Any]:
    facts = asdict(row)
    return {"device": facts.pop("device")} | facts.pop("sizes") | facts


def _key(row: Row) -> tuple[str, Sizes]:
    return row.device, row.sizes


@functools.lru_cache(maxsize=8)
def _read(path: Path, state: tuple[int, ...]) -> tuple[Row, ...]:
    """The rows of a table; none, with a warning, where it is damaged."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table["format"] != FORMAT:
            raise ValueError(f"format {table['format']}")
        return tuple(_row(record) for record in table["rows"])
    except (KeyError, TypeError, ValueError) as error:
        warnings.warn(f"the measured rates in {path} cannot be read ({error!r}) and do not count", stacklevel=2)
        return ()


def read(path: Path) -> tuple[Row, ...]:
    """The rows of a table; none where there is no such file, and none, with a warning, where it is damaged."""
    try:
        facts = path.stat()
        return _read(path, (facts.st_mtime_ns, facts.st_ino, facts.st_size))
    except OSError:
        return ()


def user_table() -> Path:
    """The user's own table. It may be missing."""
    return cache_folder() / "rates.json"


def rows() -> list[Row]:
    """All rows; the user's take the place of shipped ones for the same sizes and device."""
    return list(({_key(row): row for row in (*read(SHIPPED), *read(user_table()))}).values())


def add(measured: Iterable[Row]) -> Path:
    """Put rows into the user's table, in place of those for the same sizes and device.

    Returns:
        The table.

    Raises:
        OutputError: it cannot be written; what was there stays.
    """
    path = user_table()
    merged = {_key(row): row for row in (*read(path), *measured)}
    text = json.dumps({"format": FORMAT, "rows": [_record(row) for row in merged.values()]}, indent=1)
    try:
        replace_file(path, f"{text}\n".encode())
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: expected a writable place, got {error.strerror!r}; name another folder in the "
            "environment variable TRANSJET_CACHE"
        ) from error
    return path


# --- what they say ----------------------------------------------------------------------------------------------------


def nearest(sizes: Sizes, kind: str) -> Row | None:
    """The row of the same operation, role, dtype, precision and device with both times whose sizes are nearest."""

    def distance(row: Row) -> float:
        return math.hypot(math.log(row.sizes.width / sizes.width), math.log(row.sizes.streams / sizes.streams))

    def group(of: Sizes) -> tuple[str, ...]:
        return of.op, of.role, of.dtype, of.precision

    candidates = [
        row
        for row in rows()
        if row.device == kind and group(row.sizes) == group(sizes) and row.cuda is not None and row.triton is not None
    ]
    return min(candidates, key=distance, default=None)


def compare(request: Request) -> tuple[str, str]:
    """The faster of cuda and triton for a request that both can serve, and why, in words."""
    sizes, kind = sizes_of(request), device()
    if sizes is None or kind is None:
        return "cuda", f"no measured rows for {'this operation' if kind else 'an absent device'}: cuda comes first"
    row, precision = nearest(sizes, kind), "" if sizes.precision == "default" else f" in {sizes.precision}"
    if row is None or row.cuda is None or row.triton is None:
        return "cuda", f"no measured rows for this operation{precision} on {kind}: cuda comes first"
    faster, ratio = ("triton", row.cuda / row.triton) if row.triton < row.cuda else ("cuda", row.triton / row.cuda)
    other = "cuda" if faster == "triton" else "triton"
    where = f"w={row.sizes.width}, d={row.sizes.d}{precision} on {row.device}"
    return faster, f"measured {ratio:.2g} times as fast as {other} at {where}"


@contextlib.contextmanager
def forced(tuned: dict[str, int] | None) -> Iterator[None]:
    """Within the block, programs are traced with this tuning of Triton's kernels; None: with the default."""
    token = _forced.set((tuned,))
    try:
        yield
    finally:
        _forced.reset(token)


def tuning(request: Request) -> dict[str, int] | None:
    """How Triton's kernels were tuned for just these sizes on the present device; None where nobody has.

    They are the same kernels whatever the precision asked for, so that it does not matter here.
    """
    if wish := _forced.get():
        return wish[0]
    sizes, kind = sizes_of(request), device()
    if sizes is None or kind is None:
        return None
    same = [row for row in rows() if row.device == kind and replace(row.sizes, precision=sizes.precision) == sizes]
    same.sort(key=lambda row: row.sizes.precision != sizes.precision)
    return same[0].tuning if same else None
