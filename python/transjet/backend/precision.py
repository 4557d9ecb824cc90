"""How precisely GPUs multiply matrices of float32: by context manager, by environment variable, or the default."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar

from transjet.errors import ConfigError

PRECISIONS = ("default", "ieee", "bf16x3")
ENVIRONMENT_VARIABLE = "TRANSJET_PRECISION"
_override: ContextVar[str | None] = ContextVar("transjet_precision", default=None)


def _check(name: str, where: str) -> str:
    if name not in PRECISIONS:
        raise ConfigError(f"{where}: expected one of {', '.join(PRECISIONS)}; got {name!r}")
    return name


@contextlib.contextmanager
def use_precision(name: str) -> Iterator[None]:
    """Within the block, calls are traced with this precision; a function already compiled by jit keeps its own.

    It is about float32 on NVIDIA GPUs. The backends cpu and xla are as precise as float32 is, whatever the name, and
    float64 is always float64.

    Args:
        name: "default", three products of tensor cores in tf32, some 22 bits; "ieee", float32 without tensor cores;
            "bf16x3", three products in bfloat16, some 16 bits: faster, and for those who have looked at what it does to
            their results.

    Raises:
        ConfigError: if the name is unknown.
    """
    token = _override.set(_check(name, "precision"))
    try:
        yield
    finally:
        _override.reset(token)


def requested_precision() -> str:
    """The precision asked for: by the context manager, else the environment, else "default".

    Raises:
        ConfigError: the environment asks for an unknown one.
    """
    chosen = _override.get()
    if chosen is not None:
        return chosen
    return _check(os.environ.get(ENVIRONMENT_VARIABLE) or "default", f"environment variable {ENVIRONMENT_VARIABLE}")


def obstacle(backend: str, precision: str) -> str | None:
    """Why a backend cannot serve a precision; None if it can, or is more precise."""
    if backend == "triton" and precision == "ieee":
        return "multiplies in tf32, three times, and not in ieee"
    return None


def remark(backend: str, precision: str) -> str:
    """What `explain` says of the precision of the backend chosen: nothing about the default."""
    if precision == "default":
        return ""
    if backend == "cuda":
        return f", precision {precision}"
    return "" if precision == "ieee" else f", more precise than {precision}"
