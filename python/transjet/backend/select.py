"""Choosing a backend: by argument, by context manager, by environment variable, or automatically."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from transjet.backend import precision, rates
from transjet.backend.registry import BACKENDS, PLATFORMS, Kernel, Request, availability, kernel, kernels
from transjet.errors import BackendError

ENVIRONMENT_VARIABLE = "TRANSJET_BACKEND"
PARTIAL = ("cuda", "triton")
"""Backends that serve some operations and leave the others to the reference, also when asked for by name: whole steps
and runs have operations of either kind."""
_override: ContextVar[str | None] = ContextVar("transjet_backend", default=None)


@dataclass(frozen=True)
class Choice:
    """The backend that serves a request, and for every other one the reason why it does not.

    Attributes:
        backend: name of the backend chosen.
        kernel: its kernel, or None for the reference.
        reasons: backend name -> why it was chosen or passed over, in order of preference.
    """

    backend: str
    kernel: Kernel | None
    reasons: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{'->' if name == self.backend else '  '} {name}: {why}" for name, why in self.reasons.items()]
        return "\n".join(lines)


def check_name(name: str) -> str:
    """Return `name` if it is "auto" or a known backend.

    Raises:
        BackendError: for any other name.
    """
    if name != "auto" and name not in BACKENDS:
        raise BackendError(f"backend: expected 'auto' or one of {', '.join(BACKENDS)}; got {name!r}")
    return name


@contextlib.contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Within the block, calls with backend="auto" use `name`; a function already compiled by jit keeps its own.

    Operations that "cuda" and "triton" have no kernels for at all, such as `ode_transport`, are the reference's.

    Args:
        name: "auto", "cuda", "triton", "cpu" or "xla".

    Raises:
        BackendError: if the name is unknown.
    """
    token = _override.set(check_name(name))
    try:
        yield
    finally:
        _override.reset(token)


def requested(argument: str) -> str:
    """The backend asked for: the argument, else the context manager, else the environment, else "auto"."""
    check_name(argument)
    if argument != "auto":
        return argument
    chosen = _override.get()
    if chosen is None:
        chosen = os.environ.get(ENVIRONMENT_VARIABLE, "auto")
        if chosen != "auto" and chosen not in BACKENDS:
            raise BackendError(
                f"environment variable {ENVIRONMENT_VARIABLE}: expected 'auto' or one of "
                f"{', '.join(BACKENDS)}; got {chosen!r}"
            )
    return chosen


def _obstacle(name: str, request: Request) -> tuple[Kernel | None, str | None]:
    """The kernel that would run, and what stands in its way (None: nothing)."""
    if name == "xla":
        return None, None
    if request.platform not in PLATFORMS[name]:
        return None, f"runs on {' or '.join(PLATFORMS[name])}, this is compiled for {request.platform}"
    state = availability(name)
    if not state.available:
        return None, state.reason
    found = kernel(request.op, request.role, name)
    if found is None:
        return None, f"has no kernel for {request.op} ({request.role})"
    return found, precision.obstacle(name, request.precision) or found.refuses(request)


def _left_to_the_reference(name: str, request: Request) -> bool:
    """Whether a backend that can run here has nothing to do with the operation."""
    if name not in PARTIAL or request.platform not in PLATFORMS[name] or not availability(name).available:
        return False
    return not any((row.op, row.backend) == (request.op, name) for row in kernels())


def choose(request: Request, backend: str) -> Choice:
    """Pick the backend that serves `request`.

    Args:
        request: what is about to run.
        backend: "auto" takes the first that can; a name takes that one or raises, see `PARTIAL` for the exception.

    Returns:
        The choice, with a reason for every backend looked at.

    Raises:
        BackendError: a backend asked for by name cannot serve the request; the message gives the reason.
    """
    names: tuple[str, ...] = BACKENDS if backend == "auto" else (backend,)
    if _left_to_the_reference(backend, request):
        names = (backend, "xla")
    found = {name: _obstacle(name, request) for name in names}
    able = [name for name in names if found[name][1] is None]
    if not able:
        raise BackendError(
            f"backend={backend!r} cannot run {request.op} ({request.role}) on {request.platform}: "
            f"{found[backend][1]}. Use backend='auto' to fall back to what can, or `transjet info` to see what is here"
        )
    chosen, why = _first(able, request)
    reasons = {name: obstacle or f"not needed, {chosen} comes first" for name, (_, obstacle) in found.items()}
    why += precision.remark(chosen, request.precision)
    return Choice(chosen, found[chosen][0], reasons | {chosen: why})


def _first(able: list[str], request: Request) -> tuple[str, str]:
    """The first of the backends that can, and why: cuda and triton go by what has been measured."""
    if able[:2] == ["cuda", "triton"]:
        name, why = rates.compare(request)
        return name, f"chosen: {why}"
    return able[0], "chosen: pure JAX reference" if able[0] == "xla" else "chosen"
