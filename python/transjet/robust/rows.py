"""Rows of a method on a set of draws, kept in a JSON file as they come."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transjet.errors import ConfigError, OutputError
from transjet.io import write_atomic
from transjet.targets import Draw, draws

Launch = Callable[[int, int], dict[str, Any]]
# Of the process of a row: one core, before anything starts threads.
_CHILD = (
    "import os, sys; os.sched_setaffinity(0, {%d}); os.environ.setdefault('JAX_PLATFORMS', 'cpu'); "
    "from transjet.cli import main; sys.exit(main(sys.argv[1:]))"
)


@dataclass(frozen=True)
class Settings:
    """What all rows of a file have in common.

    Attributes:
        method: its name.
        seed: of the set of draws.
        held_out: whether the set is to judge by.
        dims: numbers of coordinates.
        seconds: CPU seconds of training of a row.
        evaluations: of the target for each row; None: any number, or those of `like`.
        like: label of the rows whose evaluations are equalled; None: none.
        options: over the recipe, as `--set` has them.
    """

    method: str
    seed: int
    held_out: bool
    dims: tuple[int, ...]
    seconds: float
    evaluations: int | None = None
    like: str | None = None
    options: tuple[str, ...] = ()

    def draws(self, count: int) -> tuple[Draw, ...]:
        """The first draws of the set."""
        return draws(count, self.seed, dims=self.dims, held_out=self.held_out)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


class Rows:
    """Rows in a file.

    Args:
        path: of the JSON file, which may not exist yet.
        settings: of the rows; None: those of the file.
        machine: what rows run on, in words.

    Raises:
        ConfigError: the file holds rows of other settings.
        OutputError: the file is missing and no settings are given, or it cannot be read.
    """

    def __init__(self, path: Path, settings: Settings | None = None, machine: str = "") -> None:
        self.path, self.label = path, path.stem
        self.rows: list[dict[str, Any]] = []
        self.machine = machine
        if path.exists():
            self._load(settings)
        elif settings is None:
            raise OutputError(f"{path}: expected rows of an earlier command; there is no such file")
        else:
            self.settings = settings.to_dict()

    def _load(self, settings: Settings | None) -> None:
        try:
            held = json.loads(self.path.read_text(encoding="utf-8"))
            self.settings, self.rows, self.machine = held["settings"], held["rows"], held["machine"]
        except (OSError, ValueError, KeyError) as error:
            raise OutputError(f"{self.path}: expected JSON of rows, got {error!r}; move it away") from error
        if settings is not None and settings.to_dict() != self.settings:
            wanted = settings.to_dict()
            other = [f"{k} {self.settings.get(k)!r} instead of {v!r}" for k, v in wanted.items()
                     if self.settings.get(k) != v]  # fmt: skip
            raise ConfigError(f"{self.path}: its rows have {', '.join(other)}; use another --label, or that")

    def of(self, draw: Draw) -> dict[str, Any] | None:
        """The row of a draw, if there is one."""
        same = (row for row in self.rows if (row["family"], row["dim"], row["seed"]) == tuple(draw))
        return next(same, None)

    def keep(self, draw: Draw, row: dict[str, Any]) -> None:
        """Put a row in place of that of the same draw, and write the file."""
        old = self.of(draw)
        self.rows = [r for r in self.rows if r is not old] + [row]
        whole = {"settings": self.settings, "machine": self.machine, "rows": self.rows}
        text = json.dumps(whole, separators=(",", ":")).replace('{"family"', '\n{"family"')  # a line a row
        write_atomic(self.path, lambda file: file.write((text + "\n").encode()))


def run_rows(
    rows: Rows, wanted: Sequence[Draw], cores: Sequence[int], launch: Launch, say: Callable[[str], Any] = print
) -> None:
    """Run the rows that are not there yet, one at a time on each core; rows with an error are run again.

    Args:
        rows: the file.
        wanted: draws; the position of each is what `launch` gets.
        cores: where rows run.
        launch: (position, core) -> row.
        say: takes a line about each row.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    lock = threading.Lock()
    for index, draw in enumerate(wanted):
        there = rows.of(draw)
        if there is None or "error" in there:
            waiting.put(index)

    def work(core: int) -> None:
        while True:
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            draw = wanted[index]
            row = {"family": draw.family, "dim": draw.dim, "seed": draw.seed} | launch(index, core)
            with lock:
                rows.keep(draw, row)
                say(f"{draw.name}: {in_words(row)}")

    threads = [threading.Thread(target=work, args=(core,), daemon=True) for core in cores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def in_process(arguments: Sequence[str], limit: float) -> Launch:
    """Rows in processes of their own: the command line again, with the row's position, on one core.

    Args:
        arguments: of the command line; `--row POSITION` is added.
        limit: wall seconds after which a row is given up.
    """

    def launch(index: int, core: int) -> dict[str, Any]:
        command = [sys.executable, "-c", _CHILD % core, *arguments, "--row", str(index)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit, env=dict(os.environ))
        except subprocess.TimeoutExpired:
            return {"error": f"not done after {limit:.0f} s", "success": False}
        try:
            row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
            return row
        except (ValueError, IndexError):
            last = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
            return {"error": last[:300], "success": False}

    return launch


def in_words(row: dict[str, Any]) -> str:
    """A line about a row."""
    if "error" in row:
        return f"FAILED {row['error']}"
    missed = [name for name, met in row["passed"].items() if met is False]
    shown = ", ".join(f"{k} {row[k]:.3g}" for k in ("ess", "log_z_error", "seconds") if row.get(k) is not None)
    return f"{'success' if row['success'] else 'not: ' + ', '.join(missed)}; {shown}; {row.get('verdict', '')}"
