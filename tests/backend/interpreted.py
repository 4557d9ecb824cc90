"""Triton's interpreter as a process beside the tests."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

PROGRAM = Path(__file__).parents[1] / "kernels" / "interpreter.py"


class Interpreter:
    """A process that runs plans; the interpreter is chosen when Triton is imported."""

    def __init__(self) -> None:
        command = [sys.executable, str(PROGRAM)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)

    def run(self, plan: Any, arrays: Any) -> dict[str, jax.Array]:
        """In place of the launches of a plan."""
        shapes = {b.name: jax.ShapeDtypeStruct(b.shape, b.dtype) for b in plan.results}
        given = {name: arrays[name] for name in (b.name for b in plan.operands)}
        results: dict[str, jax.Array] = jax.pure_callback(lambda a: self.ask(plan, a), shapes, given)
        return results

    def ask(self, plan: Any, arrays: Any) -> Any:
        """The results of a plan, as NumPy arrays."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        pickle.dump((plan, {name: np.asarray(a) for name, a in arrays.items()}), stdin)
        stdin.flush()
        answer = pickle.load(stdout)
        assert isinstance(answer, dict), answer
        return answer


def interpret() -> Iterator[Interpreter]:
    """One that ends with the fixture that yields from this."""
    made = Interpreter()
    yield made
    assert made.process.stdin is not None and made.process.stdout is not None
    made.process.stdin.close()
    made.process.wait(timeout=60)
    made.process.stdout.close()
