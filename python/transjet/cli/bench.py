"""`transjet bench robust`: success rates on random targets whose truth is known."""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

from transjet.cli import options
from transjet.config import RunConfig
from transjet.errors import ConfigError
from transjet.recipes import recipe
from transjet.robust import METHODS, Budget, Rows, Settings, run_row, run_rows
from transjet.robust.page import write_page
from transjet.robust.rows import in_process
from transjet.targets import Target


def add_to(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("bench", help="success rates on random targets", parents=parents, description=__doc__)
    parser.add_argument("what", choices=["robust"], help="which benchmark")
    parser.add_argument("--out", type=Path, default=Path("out/robust"), metavar="DIR", help="of rows; out/robust")
    parser.add_argument("--page", type=Path, metavar="FILE", help="page to write; DIR/robust.md by default")
    parser.add_argument("--label", metavar="NAME", help="of these rows; METHOD-tuning or METHOD-held-out by default")
    parser.add_argument("--method", choices=METHODS, default="transjet", help="transjet by default")
    parser.add_argument("--draws", type=int, default=100, metavar="N", help="targets; 100 by default")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the set of targets; 1 by default")
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 5, 10, 20, 50], metavar="D", help="2 5 10 20 50")
    parser.add_argument("--held-out", action="store_true", help="targets to judge by, not to tune on")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="CPU seconds of training a target; 60")
    evaluations = parser.add_mutually_exclusive_group()
    evaluations.add_argument("--evaluations", type=int, metavar="N", help="of the target, at most, for each")
    evaluations.add_argument("--like", metavar="NAME", help="as many evaluations as the row of this label took")
    parser.add_argument("--cores", type=int, nargs="+", metavar="C", help="one target at a time on each; the first")
    parser.add_argument("--page-only", action="store_true", help="run nothing, write the page anew")
    parser.add_argument("--row", type=int, help=argparse.SUPPRESS)
    options.add_options(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Run what is missing, or one row, and write table, plot and page."""
    settings = _settings(arguments)
    path = arguments.out / f"{arguments.label or _label(arguments)}.json"
    if arguments.row is not None:
        print(json.dumps(_row(arguments, settings)))
        return 0
    if not arguments.page_only:
        rows = Rows(path, settings, _machine())
        cores = _cores(arguments)
        run_rows(
            rows, settings.draws(arguments.draws), cores, in_process(_again(arguments), 3600 + 20 * settings.seconds)
        )
    page = arguments.page or arguments.out / "robust.md"
    files = [Rows(found) for found in sorted(arguments.out.glob("*.json"))]
    write_page(page, files, arguments.out)
    print(f"written to {page}")
    return 0


def _settings(arguments: argparse.Namespace) -> Settings:
    given = [*arguments.settings]
    given += [f"{n}={getattr(arguments, n)}" for n in ("samples", "dtype", "backend") if getattr(arguments, n)]
    if arguments.config is not None:
        given.append(f"config {arguments.config.name}")
    if arguments.draws < 1:
        raise ConfigError(f"--draws: expected one or more; got {arguments.draws}")
    Budget(arguments.seconds, arguments.evaluations)  # refuses what is no budget
    return Settings(
        arguments.method, arguments.seed, arguments.held_out, tuple(sorted(set(arguments.dims))), arguments.seconds,
        arguments.evaluations, arguments.like, tuple(given),
    )  # fmt: skip


def _label(arguments: argparse.Namespace) -> str:
    return f"{arguments.method}-{'held-out' if arguments.held_out else 'tuning'}"


def _row(arguments: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    draw = settings.draws(arguments.draws)[arguments.row]
    evaluations = settings.evaluations
    if settings.like is not None:
        other = Rows(arguments.out / f"{settings.like}.json").of(draw)
        if other is None or "evaluations" not in other:
            raise ConfigError(f"--like {settings.like}: expected a row of {draw.name} there, that did not fail")
        evaluations = other["evaluations"]

    def configure(target: Target) -> RunConfig:
        return options.configured(recipe(target), arguments)

    return run_row(draw, settings.method, Budget(settings.seconds, evaluations), configure)


def _again(arguments: argparse.Namespace) -> list[str]:
    """The words of a command line that says the same."""
    words = ["bench", "robust", "--out", str(arguments.out), "--method", arguments.method]
    words += ["--draws", str(arguments.draws), "--seed", str(arguments.seed), "--seconds", str(arguments.seconds)]
    words += ["--dims", *map(str, arguments.dims)] + ["--held-out"] * arguments.held_out
    for name in ("evaluations", "like", "config", "samples", "dtype", "backend"):
        if getattr(arguments, name) is not None:
            words += [f"--{name}", str(getattr(arguments, name))]
    return words + [word for setting in arguments.settings for word in ("--set", setting)]


def _cores(arguments: argparse.Namespace) -> list[int]:
    permitted = sorted(os.sched_getaffinity(0))
    cores = arguments.cores or permitted[:1]
    if not set(cores) <= set(permitted):
        raise ConfigError(f"--cores: expected some of {permitted}; got {cores}")
    return list(cores)


def _machine() -> str:
    """Processor and number of cores, in words."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        name = lines[0].partition(":")[2].strip() if lines else name
    return f"{name}, {os.cpu_count()} cores"
