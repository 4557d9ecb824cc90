"""What compiled kernels take of a multiprocessor: `python -m transjet_kernels.resources`. Needs Triton and no GPU.

Kernels are those that plans launch by default, for sm_90. `--write` compiles all of them and records registers, stack
and shared memory in `kernels/resources.json`; without it the record is compared with what is compiled now. Stack is
what a thread keeps in local memory: registers that were spilled, and the table by which sin and cos reduce large
arguments. The figures are the assembler's; nothing has been run on a GPU.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transjet_kernels.aot import CompilationError, compile_launch, triton_version
from transjet_kernels.aot_command import JETS, plans
from transjet_kernels.plan import Launch
from transjet_kernels.problem import ACTIVATIONS, Problem

TARGET = 90
RECORD = Path("kernels") / "resources.json"  # from the root of the source tree
MOST_REGISTERS = 255  # of a thread
REGISTERS = 65536  # of a multiprocessor, and so at most of a block
MOST_SHARED = 227 << 10  # bytes of a block
_POINTS, _FEATURES = 1 << 16, 1
_HIDDEN = 3


@dataclass(frozen=True)
class Resources:
    """What one kernel takes.

    Attributes:
        registers: of a thread.
        stack: bytes of a thread's local memory.
        shared: bytes of a block's shared memory.
        threads: of a block.
    """

    registers: int
    stack: int
    shared: int
    threads: int

    def excess(self) -> str | None:
        """What is more than a multiprocessor has, in words; None if it has enough."""
        if self.registers > MOST_REGISTERS or self.registers * self.threads > REGISTERS:
            return f"{self.registers} registers for each of {self.threads} threads"
        return f"{self.shared} bytes of shared memory" if self.shared > MOST_SHARED else None


# --- which kernels ----------------------------------------------------------------------------------------------------


def problems() -> Iterator[Problem]:
    """A few sizes, and around them one change after the other: type, activation, directions."""

    def problem(jet: str, d: int, width: int, activation: Sequence[str] = ("tanh",), **more: Any) -> Problem:
        layers = tuple(activation) * _HIDDEN
        return Problem(jet, _POINTS, d, _FEATURES, (width,) * _HIDDEN, layers[:_HIDDEN], **more)

    for jet in JETS:
        for width in (64, 128):
            yield from (problem(jet, d, width) for d in (1, 2, 10, 50))
            yield from (problem(jet, d, width, dtype="float64") for d in (2, 10))
            yield problem(jet, 2, width, ACTIVATIONS)
        yield problem(jet, 2, 32)
        yield from (problem(jet, 2, 64, (name,)) for name in ACTIVATIONS)
        yield problem(jet, 2, 64, ACTIVATIONS, dtype="float64")
        if jet != "gradient_jet":
            yield from (problem(jet, 10, 64, directions=kind, count=4) for kind in ("shared", "point"))


def name_of(launch: Launch, signature: Mapping[str, str]) -> str:
    """The kernel, its numbers, constants and options, in one line."""
    kinds = "/".join(dict.fromkeys(kind[1:] for kind in signature.values() if kind.startswith("*")))
    constants = " ".join(f"{name}={value}" for name, value in launch.constants)
    return f"{launch.function} {kinds} {constants} warps={launch.num_warps} stages={launch.num_stages}"


def kernels() -> dict[str, tuple[Launch, dict[str, str]]]:
    """Every kernel that plans of `problems` launch by default, with its signature, by name."""
    found: dict[str, tuple[Launch, dict[str, str]]] = {}
    for problem in problems():
        for plan in plans(problem):
            for launch in plan.launches:
                signature = launch.signature(plan)
                found.setdefault(name_of(launch, signature), (launch, signature))
    return found


# --- what they take ---------------------------------------------------------------------------------------------------


def measure(launch: Launch, signature: Mapping[str, str], target: int = TARGET) -> Resources:
    """Compile a kernel and look at its machine code.

    Raises:
        CompilationError: it cannot be compiled, or Triton's own cuobjdump cannot be run or read.
    """
    import triton

    made = compile_launch(launch, signature, target)
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(made.cubin)
        file.flush()
        command = [triton.knobs.nvidia.cuobjdump.path, "--dump-resource-usage", file.name]
        try:
            text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise CompilationError(f"{made.entry}: cuobjdump failed: {error}") from error
    found = re.search(rf"Function {re.escape(made.entry)}:\s+REG:(\d+) STACK:(\d+)", text)
    if found is None:
        raise CompilationError(f"{made.entry}: expected its registers and stack from cuobjdump, got {text!r}")
    return Resources(int(found[1]), int(found[2]), made.shared_bytes, made.threads)


def read(path: Path = RECORD) -> tuple[str, dict[str, Resources]]:
    """The version of Triton in a record, and what kernels took by name.

    Raises:
        OSError: there is no such file.
        ValueError: it is something else.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return table["triton"], {name: Resources(*row) for name, row in table["kernels"].items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected a record of kernels, got something else ({error!r})") from error


def write(found: Mapping[str, Resources], path: Path = RECORD) -> None:
    """Record what kernels take, a line each."""
    rows = (f"{json.dumps(name)}: {json.dumps(list(asdict(row).values()))}" for name, row in found.items())
    head = {"target": f"sm_{TARGET}", "triton": str(triton_version()), "columns": list(Resources.__annotations__)}
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    body = ",\n  ".join(rows)
    path.write_text("\n".join(["{", *lines, f' "kernels": {{\n  {body}\n }}', "}", ""]), encoding="utf-8")


def growth(now: Resources, then: Resources, same_version: bool) -> str | None:
    """What a kernel takes too much, in words; its record says what is, for the version of Triton that made that."""
    if reason := now.excess():
        return reason
    if same_version and now.stack > then.stack:
        return f"{now.stack} bytes of stack, recorded were {then.stack}"
    return None


# --- the command ------------------------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: its words; None: those of this process.

    Returns:
        Exit code: 0; 1 where a kernel takes more than is recorded or than there is; 2 after an error.
    """
    parser = argparse.ArgumentParser("python -m transjet_kernels.resources", description=__doc__)
    parser.add_argument("--write", action="store_true", help="make the record anew")
    parser.add_argument("--file", type=Path, default=RECORD, help=f"the record; {RECORD}, of a source tree")
    parser.add_argument("--only", default="", metavar="WORD", help="compare kernels whose names contain this")
    options = parser.parse_args(argv)
    if options.write and options.only:
        parser.error("--write records all kernels, and goes without --only")
    try:
        version, then = (str(triton_version()), {}) if options.write else read(options.file)
        now, bad = {}, 0
        for name, kernel in kernels().items():
            if options.only not in name:
                continue
            now[name] = measure(*kernel)
            reason = growth(now[name], then.get(name, now[name]), version == str(triton_version()))
            reason = reason if options.write or name in then else "not in the record"
            bad += reason is not None
            print(f"{name}: {now[name]}{f': {reason}' if reason else ''}", flush=True)
        if options.write:
            write(now, options.file)
    except (CompilationError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{len(now)} kernels, {bad} of them take too much")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
