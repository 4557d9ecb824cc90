"""What a plan is: buffers, and launches of kernels that read and write them, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

TYPES = {"float32": "fp32", "float64": "fp64"}
"""Triton's names of the numbers that kernels work on."""


@dataclass(frozen=True)
class Buffer:
    """A row-major array on the device."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class Pointer:
    """A kernel's pointer parameter, and the buffer that it is given.

    Attributes:
        parameter: name of the parameter.
        buffer: name of the buffer.
        access: "in"; "out", where it does not matter what the buffer holds before; or "inout".
    """

    parameter: str
    buffer: str
    access: str


@dataclass(frozen=True)
class Launch:
    """One launch. A kernel's parameters are its pointers, its scalars and its constants, in this order.

    Attributes:
        module: where the kernel is, such as "transjet_kernels.forward".
        function: its name.
        grid: number of programs along three axes.
        pointers: what its pointers point to.
        scalars: int32 arguments.
        constants: compile-time arguments.
        num_warps: warps a program.
        num_stages: stages of Triton's pipelines.
    """

    module: str
    function: str
    grid: tuple[int, int, int]
    pointers: tuple[Pointer, ...]
    scalars: tuple[tuple[str, int], ...]
    constants: tuple[tuple[str, int | str], ...]
    num_warps: int
    num_stages: int

    def signature(self, plan: Plan) -> dict[str, str]:
        """Triton's signature: a type for each parameter, in order."""
        types = {p.parameter: f"*{TYPES[plan.buffer(p.buffer).dtype]}" for p in self.pointers}
        types.update((name, "i32") for name, _ in self.scalars)
        types.update((name, "constexpr") for name, _ in self.constants)
        return types


@dataclass(frozen=True)
class Plan:
    """Launches in the order in which they run, and the buffers that they know by name.

    Attributes:
        operands: what the caller supplies.
        results: what the caller gets.
        scratch: what exists only while the plan runs; its contents need no initial value.
        launches: the launches.
    """

    operands: tuple[Buffer, ...]
    results: tuple[Buffer, ...]
    scratch: tuple[Buffer, ...]
    launches: tuple[Launch, ...]

    def buffers(self) -> tuple[Buffer, ...]:
        """All of them."""
        return self.operands + self.results + self.scratch

    def buffer(self, name: str) -> Buffer:
        """The buffer of that name.

        Raises:
            KeyError: there is none.
        """
        return {b.name: b for b in self.buffers()}[name]


def pointers(access: str, names: Mapping[str, str]) -> tuple[Pointer, ...]:
    """Pointers of the same access: parameter -> buffer."""
    return tuple(Pointer(parameter, buffer, access) for parameter, buffer in names.items())


def too_large(buffers: Iterable[Buffer]) -> str | None:
    """Name of a buffer with more elements than a kernel's 32-bit indices reach, if there is one."""
    return next((b.name for b in buffers if b.size >= 2**31), None)
