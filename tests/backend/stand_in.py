"""The launcher of Triton kernels where there is no GPU: built with a library that stands in for NVIDIA's driver."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import pytest

SOURCES = Path(__file__).parents[2] / "csrc"
LAUNCHER = ("tests/triton_on_cpu.cpp", "ffi/triton_kernels.cpp", "ffi/triton_launch.cpp", "cuda/driver.cpp")


class StandIn:
    """A launcher and a driver, both in libraries of their own. The launcher serves JAX's cpu platform.

    Its kernels are texts, "FAKE entry layout"; one with the entry saxpy runs, the others leave a line in the log.
    """

    def __init__(self, launcher: Path, driver: Path) -> None:
        self._driver = ctypes.CDLL(str(driver))
        self._driver.fake_driver_log.restype = ctypes.c_char_p
        self._launcher = ctypes.CDLL(str(launcher))
        self._launcher.transjet_register.restype = ctypes.c_bool
        self.register("first", "FAKE first", "")
        handler = jax.ffi.pycapsule(self._launcher.transjet_triton_on_cpu)
        jax.ffi.register_ffi_target("transjet_triton_launch", handler, platform="cpu")

    def register(self, name: str, cubin: str, layout: str) -> bool:
        """Make a kernel known; its entry is the second word of the cubin."""
        words = (name, cubin, cubin.split()[1], layout)
        return bool(self._launcher.transjet_register(*(word.encode() for word in words)))

    def take_log(self) -> list[str]:
        """Lines that the driver wrote since the last time."""
        text: bytes = self._driver.fake_driver_log()
        self._driver.fake_driver_clear()
        return text.decode().splitlines()

    def traits_on_cuda(self) -> int:
        """Traits of the handler for CUDA."""
        return int(self._launcher.transjet_traits_on_cuda())


def build(folder: Path) -> StandIn:
    """Compile both libraries; skip where there is no compiler."""
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    command = [compiler, "-std=c++17", "-fPIC", "-shared", f"-I{SOURCES}", f"-I{jax.ffi.include_dir()}"]
    launcher, driver = folder / "launcher.so", folder / "driver.so"
    for library, sources in ((launcher, LAUNCHER), (driver, ("tests/fake_driver.cpp",))):
        subprocess.run([*command, *(str(SOURCES / s) for s in sources), "-o", str(library), "-ldl"], check=True)
    return _opened(launcher, driver)


def _opened(launcher: Path, driver: Path) -> StandIn:
    """The variable is read by the first launch, and must not reach the rest of the process."""
    before = os.environ.get("TRANSJET_CUDA_DRIVER")
    os.environ["TRANSJET_CUDA_DRIVER"] = str(driver)
    try:
        made = StandIn(launcher, driver)
        launch("first")
    finally:
        os.environ.pop("TRANSJET_CUDA_DRIVER")
        if before is not None:
            os.environ["TRANSJET_CUDA_DRIVER"] = before
    return made


def launch(name: str, operands: Any = (), results: Any = (), **changed: Any) -> Any:
    """Call the launcher on the CPU, with a grid of one block unless told otherwise."""
    import numpy as np

    attributes: dict[str, Any] = {"grid": [1, 1, 1], "order": [], "integers": [], "reals": []} | changed
    arrays = {key: np.array(v, np.float64 if key == "reals" else np.int64) for key, v in attributes.items()}
    call = jax.ffi.ffi_call("transjet_triton_launch", list(results), has_side_effect=True)
    return jax.block_until_ready(jax.jit(lambda *a: call(*a, kernel=name, **arrays))(*operands))


@dataclass(frozen=True)
class Buffer:
    """As in a plan."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Pointer:
    """As in a plan."""

    parameter: str
    buffer: str
    access: str


@dataclass(frozen=True)
class Launch:
    """As in a plan, with a signature of its own."""

    function: str
    types: dict[str, str]
    pointers: tuple[Pointer, ...]
    scalars: tuple[tuple[str, float], ...] = ()
    constants: tuple[tuple[str, int | str], ...] = ()
    grid: tuple[int, int, int] = (1, 1, 1)
    module: str = "small_kernels"
    num_warps: int = 4
    num_stages: int = 1

    def signature(self, plan: Any) -> dict[str, str]:
        """Types of the parameters."""
        return self.types


@dataclass(frozen=True)
class Plan:
    """As in a plan."""

    buffers: dict[str, Buffer]
    launches: tuple[Launch, ...]

    def buffer(self, name: str) -> Buffer:
        """The buffer of that name."""
        return self.buffers[name]


SAXPY = {"x": "*fp32", "y": "*fp32", "out": "*fp32", "n": "i32", "a": "fp32", "BLOCK": "constexpr"}


def saxpy(x: str, y: str, out: str, a: float, n: int, inplace: bool = False) -> Launch:
    """The launch out = a x + y; in place if out is y."""
    access = [Pointer("x", x, "in"), Pointer("y", y, "in"), Pointer("out", out, "inout" if inplace else "out")]
    return Launch("saxpy", SAXPY, tuple(access), (("n", n), ("a", a)), (("BLOCK", 256),), (-(-n // 256), 1, 1))
