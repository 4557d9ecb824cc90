"""Methods that ran on the same draws, side by side."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from transjet.robust.criteria import succeeded
from transjet.robust.rows import Rows

Row = dict[str, Any]
_PARTS: tuple[tuple[str, Callable[[Row], bool]], ...] = (
    ("all", lambda row: True),
    ("d up to 10", lambda row: row["dim"] <= 10),
    ("d above 10", lambda row: row["dim"] > 10),
)
_NUTS = ("modes", "moments")  # all that it is judged by


def method_of(settings: dict[str, Any]) -> str:
    """What ran: a rival, transjet, or one of transjet's other methods by name."""
    own = [option.removeprefix("method=") for option in settings["options"] if option.startswith("method=")]
    return own[-1] if own else str(settings["method"])


def side_by_side(files: Sequence[Rows]) -> Iterator[str]:
    """A table for every set of draws on which several methods ran, of the files of all dimensions together.

    Args:
        files: of rows; those of one set have the same seed.

    Yields:
        Markdown: successes by size, family and dimension, the median error of log Z and median CPU seconds.
    """
    sets: dict[tuple[Any, Any], dict[str, list[Row]]] = {}
    for file in files:
        methods = sets.setdefault((file.settings["seed"], file.settings["held_out"]), {})
        methods.setdefault(method_of(file.settings), []).extend(file.rows)
    for (seed, held_out), methods in sets.items():
        if len(methods) > 1:
            title = f"## Side by side: {'held-out' if held_out else 'tuning'} draws of seed {seed}"
            yield f"{title}\n\n{_table(methods)}"


def _table(methods: dict[str, list[Row]]) -> str:
    names = sorted(methods, key=lambda name: (name == "nuts", name != "transjet", name))
    heads = {name: f"`{name}`" for name in names}
    if {"nuts", "transjet"} <= set(names):
        methods = methods | {"as nuts": [row | {"success": _by_nuts(row)} for row in methods["transjet"]]}
        names.insert(names.index("nuts"), "as nuts")
        heads |= {"as nuts": "`transjet`, modes and moments alone", "nuts": "`nuts`, modes and moments alone"}
    lines = ["| | " + " | ".join(heads[name] for name in names) + " |", "|---" * (len(names) + 1) + "|"]

    def line(title: str, cell: Callable[[list[Row]], str]) -> None:
        lines.append(f"| {title} | " + " | ".join(cell(methods[name]) for name in names) + " |")

    rows = [row for name in names for row in methods[name]]
    parts = list(_PARTS)
    parts += [(f"d = {dim}", _is("dim", dim)) for dim in sorted({row["dim"] for row in rows})]
    parts += [(family, _is("family", family)) for family in sorted({row["family"] for row in rows})]
    for title, inside in parts:
        line(title, lambda group, inside=inside: _share([row for row in group if inside(row)]))  # type: ignore[misc]
    line("median error of log Z", lambda group: _median(group, "log_z_error"))
    line("median CPU s", lambda group: _median(group, "seconds"))
    return "\n".join(lines)


def _by_nuts(row: Row) -> bool:
    return "error" not in row and succeeded({criterion: row["passed"][criterion] for criterion in _NUTS})


def _is(key: str, value: Any) -> Callable[[Row], bool]:
    return lambda row: bool(row[key] == value)


def _share(rows: list[Row]) -> str:
    return f"{sum(bool(row['success']) for row in rows)} of {len(rows)}" if rows else ""


def _median(rows: list[Row], key: str) -> str:
    values = [abs(row[key]) for row in rows if row.get(key) is not None]
    return f"{statistics.median(values):.3g}" if values else ""
