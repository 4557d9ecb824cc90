"""Machine code of Triton kernels: shipped with the package, kept in the user's cache, or compiled now."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import re
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from transjet.backend import ffi
from transjet.backend.cache import cache_folder
from transjet.errors import BackendError

TARGET_VARIABLE = "TRANSJET_TRITON_TARGET"
"""Environment variable with the GPU to compile for, such as "sm_90", where that is not the one present."""

KERNELS = "transjet_kernels"
_lock = threading.Lock()


def named_target() -> int | None:
    """The compute capability that the environment names, 90 for 9.0; None where it names none.

    Raises:
        BackendError: it names no compute capability.
    """
    text = os.environ.get(TARGET_VARIABLE, "")
    if not text:
        return None
    found = re.fullmatch(r"(?:sm_)?(\d{2,3})", text)
    if not found:
        raise BackendError(f"environment variable {TARGET_VARIABLE}: expected one such as sm_90; got {text!r}")
    return int(found[1])


@functools.cache
def _device_target() -> int | None:
    try:
        capability = jax.devices("cuda")[0].compute_capability
    except RuntimeError:
        return None
    major, minor = str(capability).split(".")
    return 10 * int(major) + int(minor)


def target() -> int:
    """The compute capability to compile for: the one named by the environment, else that of the first GPU.

    Raises:
        BackendError: neither is there.
    """
    found = named_target() or _device_target()
    if found is None:
        raise BackendError(
            f"expected a GPU that JAX can use, or its kind in the environment variable {TARGET_VARIABLE}, such as "
            "sm_90; got neither"
        )
    return found


def kernels_status() -> tuple[bool, str]:
    """Whether kernels can be had at all: compiled now by Triton, or in advance."""
    if importlib.util.find_spec(KERNELS) is None:
        return False, f"the package {KERNELS} is not installed"
    from transjet_kernels.aot import triton_version

    version = triton_version()
    if version is not None:
        return True, f"triton {version}"
    count = len(set(_shipped().keys()))
    return count > 0, f"triton is not installed, {count or 'no'} kernels are shipped compiled"


def _shipped() -> Any:
    from transjet_kernels import aot_store

    return aot_store.Store(Path(aot_store.__file__).parent / "cubins")


def _kept() -> Any:
    from transjet_kernels.aot_store import Store

    return Store(cache_folder() / "triton")


def _compatible(wanted: int) -> list[int]:
    """Targets whose code runs there, best first: up to 8.9 that of lower minor versions does, later on only its own."""
    return list(range(wanted, wanted - wanted % 10 - 1, -1)) if wanted < 90 else [wanted]


def find(launch: Any, signature: Mapping[str, str], wanted: int) -> Any:
    """The binary for a launch, without compiling; None where there is none.

    A binary of the cache is passed over if another version of Triton made it than the one installed.
    """
    from transjet_kernels.aot import describe, key_of, triton_version

    for possible in _compatible(wanted):
        found = _shipped().find(key_of(describe(launch, signature, possible)))
        if found is not None:
            return found
    found = _kept().find(key_of(describe(launch, signature, wanted)))
    return found if found is not None and triton_version() in (None, found.triton) else None


def binary(launch: Any, signature: Mapping[str, str], wanted: int) -> Any:
    """The binary for a launch: found, or compiled and kept.

    Args:
        launch: of a plan.
        signature: its kernel's parameters and their types, in order.
        wanted: compute capability.

    Raises:
        BackendError: it is not there and cannot be compiled.
    """
    from transjet_kernels.aot import CompilationError, compile_launch, describe, key_of

    with _lock:  # two threads that trace the same program compile once
        found = find(launch, signature, wanted)
        if found is not None:
            return found
        try:
            made = compile_launch(launch, signature, wanted)
        except CompilationError as error:
            raise BackendError(
                f"triton: {launch.function} for sm_{wanted} is not shipped compiled, and: {error}. "
                "Install the extra 'gpu', or use another backend"
            ) from error
        _keep(key_of(describe(launch, signature, wanted)), made)
        return made


def _keep(key: str, made: Any) -> None:
    try:
        _kept().add(key, made)
    except OSError as error:
        warnings.warn(
            f"compiled kernels cannot be kept in {cache_folder()} ({error.strerror}), and are compiled anew by every "
            "process; name another folder in the environment variable TRANSJET_CACHE",
            stacklevel=2,
        )


def register(launch: Any, signature: Mapping[str, str]) -> str:
    """Find or compile the kernel of a launch and make it known to the launcher.

    Returns:
        Its name there.

    Raises:
        BackendError: it is not there and cannot be compiled, or there is no GPU to compile for.
    """
    made = binary(launch, signature, target())
    name = f"{made.entry}-{hashlib.sha256(made.cubin).hexdigest()}"
    ffi.register_kernel(name, made.cubin, made.entry, made.layout, made.shared_bytes, made.threads)
    return name
