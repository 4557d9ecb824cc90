"""Which backends exist, which of them can run here, and which kernels they bring.

A kernel is one row: (operation, role, backend) with the function that runs it and a predicate that says, in words,
why it cannot serve a given request. Dispatch, `explain`, tests and benchmarks all enumerate these rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

BACKENDS = ("cuda", "triton", "cpu", "xla")
"""Preference order of `auto`: the first one that serves the request wins."""

PLATFORMS: dict[str, tuple[str, ...]] = {
    "cuda": ("cuda",),
    "triton": ("cuda",),
    "cpu": ("cpu",),
    "xla": ("cpu", "cuda", "rocm", "tpu"),
}
"""JAX platforms on which a backend's kernels run."""


class Availability(NamedTuple):
    """Whether a backend can run in this process, and why (not)."""

    name: str
    available: bool
    reason: str


@dataclass(frozen=True)
class Request:
    """What is about to run: an operation in a role, on operands of known shape, on a platform.

    Attributes:
        op: name of the operation, such as "laplacian_jet".
        role: "forward", "tangent" or "cotangent".
        platform: the JAX platform being compiled for, such as "cpu".
        static: the operation's static settings.
        wrt: for tangent and cotangent, which operands are differentiated.
        avals: shape and dtype of every operand.
        operation: the specification, for a kernel that leaves a part of the work to the reference.
        precision: how GPUs multiply matrices of float32, see `transjet.backend.precision`.
    """

    op: str
    role: str
    platform: str
    static: Any
    wrt: tuple[bool, ...]
    avals: tuple[Any, ...]
    operation: Any = None
    precision: str = "default"


@dataclass(frozen=True)
class Kernel:
    """An accelerated implementation of one role of one operation.

    Attributes:
        run: `(request, *operands) -> list of results`, traced by JAX.
        refuses: `(request) -> reason or None`; None means that the kernel serves the request.
        opaque_bytes: size of a result that only this backend's other kernels can read, where there is one.
    """

    op: str
    role: str
    backend: str
    run: Callable[..., list[Any]]
    refuses: Callable[[Request], str | None]
    opaque_bytes: Callable[[Request], int] | None = None


_kernels: dict[tuple[str, str, str], Kernel] = {}
_probes: dict[str, Callable[[], tuple[bool, str]]] = {}


def register_kernel(kernel: Kernel) -> None:
    """Add a kernel; the last registration of an (operation, role, backend) wins."""
    _kernels[kernel.op, kernel.role, kernel.backend] = kernel


def register_probe(backend: str, probe: Callable[[], tuple[bool, str]]) -> None:
    """Tell how to find out whether a backend can run here: `probe() -> (available, reason)`."""
    _probes[backend] = probe


def kernel(op: str, role: str, backend: str) -> Kernel | None:
    """The registered kernel, or None."""
    return _kernels.get((op, role, backend))


def kernels() -> tuple[Kernel, ...]:
    """All registered kernels, in a stable order."""
    return tuple(_kernels[key] for key in sorted(_kernels))


def availability(name: str) -> Availability:
    """Whether backend `name` (one of BACKENDS) can run in this process, with the reason."""
    if name == "xla":
        return Availability(name, True, "pure JAX reference, runs wherever JAX does")
    available, reason = _probes[name]() if name in _probes else (False, "this build has no kernels for it")
    return Availability(name, available, reason)
