"""`transjet tune`: measure the kernels for NVIDIA GPUs on the one present, for the choice between them."""

from __future__ import annotations

import argparse
from typing import Any

from transjet.errors import ConfigError
from transjet.ops.tuning import OPERATIONS, ROLES, Result, cases, keep, run


def add_to(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "tune",
        help="measure cuda and triton kernels on this GPU",
        parents=parents,
        description="Times cuda and triton kernels, the latter with several tunings, on the first NVIDIA GPU, and "
        "writes what it finds into the user's cache, where the choice of a backend looks.",
    )
    _add_cases(parser)
    parser.add_argument("--repeats", type=int, default=20, metavar="N", help="samples for each time; 20 by default")
    parser.add_argument(
        "--candidates",
        type=int,
        metavar="N",
        help="try at most so many tunings of Triton's kernels; some seven by default",
    )
    parser.add_argument("--dry-run", action="store_true", help="measure and print, and write nothing")
    parser.set_defaults(execute=execute)


def _add_cases(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to measure", "all combinations")
    group.add_argument("--op", nargs="+", default=list(OPERATIONS), metavar="NAME", help="operations; all")
    group.add_argument("--role", nargs="+", default=list(ROLES), metavar="NAME", help="roles of jets; all")
    group.add_argument("--dtype", nargs="+", default=["float32"], metavar="NAME", help="float32 by default")
    group.add_argument("--width", nargs="+", type=int, default=[64, 128], metavar="W", help="of layers; 64 128")
    group.add_argument("--dim", nargs="+", type=int, default=[2, 10, 50], metavar="D", help="coordinates; 2 10 50")
    group.add_argument("--points", type=int, default=8192, metavar="N", help="8192 by default")
    group.add_argument("--depth", type=int, default=3, metavar="L", help="hidden layers; 3 by default")


def execute(arguments: argparse.Namespace) -> int:
    """Measure, print a line for each case, and write the table after each."""
    for name in ("repeats", "candidates"):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            raise ConfigError(f"--{name}: expected one or more; got {getattr(arguments, name)}")
    wanted = cases(
        arguments.op,
        arguments.role,
        arguments.dtype,
        arguments.width,
        arguments.dim,
        points=arguments.points,
        depth=arguments.depth,
    )
    path = None
    for result in run(wanted, arguments.repeats, arguments.candidates):
        print(_line(result), flush=True)
        if result.row is not None and not arguments.dry_run:
            path = keep(result)
    print("nothing was written" if path is None else f"written to {path}")
    return 0


def _line(result: Result) -> str:
    return f"{result.case}: {'; '.join(_words(name, timing) for name, timing in result.timings.items())}"


def _words(backend: str, timing: Any) -> str:
    if timing.milliseconds is None:
        return f"{backend} cannot run ({timing.reason})"
    settings = "" if timing.tuning is None else f" ({', '.join(f'{k} {v}' for k, v in timing.tuning.items())})"
    return f"{backend} {timing.milliseconds:.3g} ms{settings}"
