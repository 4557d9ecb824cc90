"""The training history: one CSV row per reported iteration, safe to append to after a kill."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from transjet.errors import ConfigError, OutputError
from transjet.io.atomic import write_atomic

HISTORY_COLUMNS = (
    "iteration",
    "seconds",
    "loss",
    "residual_rms",
    "step_size",
    "damping",
    "accepted",
    "ess",
    "log_z",
    "log_z_std_error",
    "evaluations",
    "gradients",
)
_FIRST = 10  # columns of a history from before evaluations were counted
_HEADER = ",".join(HISTORY_COLUMNS) + "\n"


def append_history(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append rows and forces them to disk. A row torn by a kill in an earlier call is removed first.

    Args:
        path: the CSV file, made with its header line where it is missing.
        rows: values by column name; a column left out is NaN, `accepted` may be a boolean.

    Raises:
        ConfigError: a row has an unknown column, or no iteration.
        OutputError: the file cannot be written, or is not such a history.
    """
    lines = [_line(row) for row in rows]
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _start_or_repair(path)
        with path.open("a", encoding="utf-8") as handle:
            handle.write("".join(lines))
            handle.flush()
            os.fsync(handle.fileno())
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"history {path}: expected a file that can be appended to, got '{error.strerror}'; "
            "choose another folder, or free space"
        ) from error


def read_history(path: str | Path) -> dict[str, np.ndarray]:
    """Return the columns of a history.

    Args:
        path: the CSV file; a missing one is an empty history. An unfinished last line is left out.

    Returns:
        One float64 array (rows,) per name in `HISTORY_COLUMNS`; NaN where a figure was not evaluated.

    Raises:
        OutputError: the file is not such a history.
    """
    rows = _complete_rows(Path(path))
    table = np.array(rows, dtype=np.float64).reshape(-1, len(HISTORY_COLUMNS))
    return dict(zip(HISTORY_COLUMNS, table.T.copy(), strict=True))


def truncate_history(path: str | Path, iteration: int) -> None:
    """Removes, atomically, the rows after an iteration, so that a resumed run does not write them twice.

    Args:
        path: the CSV file; it may be missing.
        iteration: the last one to keep; 0 keeps the rows of iteration 0.

    Raises:
        OutputError: the file cannot be written, or is not such a history.
    """
    path = Path(path)
    if path.exists():
        _rewrite(path, [row for row in _complete_rows(path) if float(row[0]) <= iteration])


def _rewrite(path: Path, rows: list[list[str]]) -> None:
    text = _HEADER + "".join(",".join(row) + "\n" for row in rows)
    write_atomic(path, lambda handle: handle.write(text.encode()))


def _line(row: Mapping[str, Any]) -> str:
    unknown = sorted(set(row) - set(HISTORY_COLUMNS))
    if unknown or "iteration" not in row:
        raise ConfigError(
            f"history row: expected iteration and any of {', '.join(HISTORY_COLUMNS[1:])}, got "
            f"{', '.join(map(str, unknown or row)) or 'nothing'}; rename or drop the column"
        )
    numbers = (float(row.get(name, math.nan)) for name in HISTORY_COLUMNS)
    # 17 digits read back as the same float64; whole numbers without the point read better in a spreadsheet.
    return ",".join(str(int(x)) if x.is_integer() and abs(x) < 2**53 else repr(x) for x in numbers) + "\n"


def _start_or_repair(path: Path) -> None:
    if not _complete_lines(path):
        write_atomic(path, lambda handle: handle.write(_HEADER.encode()))
    else:
        rows = _complete_rows(path)
        if _complete_lines(path).startswith(_HEADER):
            os.truncate(path, len(_complete_lines(path).encode()))
        else:
            _rewrite(path, rows)


def _complete_lines(path: Path) -> str:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return text[: text.rfind("\n") + 1]


def _complete_rows(path: Path) -> list[list[str]]:
    lines = _complete_lines(path)
    if not lines:
        return []
    rows = list(csv.reader(io.StringIO(lines)))
    if tuple(rows[0]) == HISTORY_COLUMNS[:_FIRST]:
        rows = [list(HISTORY_COLUMNS), *(row + ["nan"] * (len(HISTORY_COLUMNS) - _FIRST) for row in rows[1:])]
    if tuple(rows[0]) != HISTORY_COLUMNS or any(len(row) != len(HISTORY_COLUMNS) for row in rows):
        raise OutputError(
            f"history {path}: expected a CSV file with the columns {', '.join(HISTORY_COLUMNS)}, got another "
            "header or a row of another length; move the file away"
        )
    return rows[1:]
