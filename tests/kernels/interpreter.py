"""Runs plans in Triton's interpreter, on NumPy arrays: a program of its own, for the interpreter is chosen at import.

Reads pickled (plan, arrays) from its input and writes pickled results, one after the other.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
from typing import Any

import numpy as np

os.environ["TRITON_INTERPRET"] = "1"

import triton.language as tl


class Tensor:
    """What the interpreter asks of a tensor, around a NumPy array that is used in place."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.dtype = getattr(tl, str(array.dtype))
        self.device = "cpu"

    def data_ptr(self) -> int:
        return int(self.array.ctypes.data)

    def untyped_storage(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def new_empty(self, *_: Any, **__: Any) -> Tensor:
        return Tensor.__new__(Tensor)

    def set_(self, storage: Tensor, *_: Any) -> None:
        self.__init__(storage.array)  # type: ignore[misc]

    def storage_offset(self) -> int:
        return 0

    def size(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    def stride(self) -> tuple[int, ...]:
        return tuple(s // self.array.itemsize for s in self.array.strides)

    def copy_(self, other: Tensor) -> None:
        """Storage is its own copy."""


GUARD = 64
CANARY = 12345.0


def guarded(array: Any) -> tuple[Any, Any]:
    """The array, and the memory around it with canaries on both sides."""
    whole = np.full(array.size + 2 * GUARD, CANARY, array.dtype)
    inner = whole[GUARD : GUARD + array.size].reshape(array.shape)
    inner[...] = array
    return inner, whole


def run(plan: Any, arrays: dict[str, Any]) -> dict[str, Any]:
    """Launch by launch. What no operand fills starts as NaN."""
    memory, outer, operands = {}, {}, {b.name for b in plan.operands}
    assert set(arrays) == operands, (sorted(arrays), sorted(operands))
    for buffer in plan.buffers():
        given = arrays.get(buffer.name, np.full(buffer.shape, np.nan, buffer.dtype))
        assert (given.shape, str(given.dtype)) == (buffer.shape, buffer.dtype), buffer
        memory[buffer.name], outer[buffer.name] = guarded(np.asarray(given))
    for launch in plan.launches:
        kernel = getattr(importlib.import_module(launch.module), launch.function)
        values = {p.parameter: Tensor(memory[p.buffer]) for p in launch.pointers}
        values.update(launch.scalars)
        values.update(launch.constants)
        assert list(values) == list(kernel.arg_names), (list(values), kernel.arg_names)
        kernel[launch.grid](**values)
    for name, whole in outer.items():
        size = memory[name].size
        assert (whole[:GUARD] == CANARY).all() and (whole[GUARD + size :] == CANARY).all(), f"{name} overrun"
    for name, given in arrays.items():
        np.testing.assert_array_equal(memory[name], given, err_msg=f"{name} was written")
    return {b.name: memory[b.name] for b in plan.results}


def serve() -> None:
    """Answer requests until the input ends."""
    out = sys.stdout.buffer
    sys.stdout = sys.stderr  # what kernels print must not get between answers
    while True:
        try:
            plan, arrays = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer: Any = run(plan, arrays)
        except Exception as error:
            answer = repr(error)
        pickle.dump(answer, out)
        out.flush()


if __name__ == "__main__":
    serve()
