"""The cuda backend where there is no GPU: handlers and kernels built for an emulation of a GPU's threads.

XLA's CPU platform loads them under names of their own, so that everything between a call in Python and the kernels'
sources is what a GPU would get.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import pytest

SOURCES = Path(__file__).parents[2] / "csrc"
OTHERS = ("ffi/reader.cpp", "ffi/terms.cpp", "ffi/jet_operands.cpp", "tests/cuda_on_cpu.cpp")
TARGETS = ("jet_forward", "jet_tangent", "jet_cotangent", "gauss_newton", "gram")


class Emulated:
    """Takes the place of `transjet.backend.ffi` in the cuda backend."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.transjet_workspace_of.restype = ctypes.c_size_t
        for name in TARGETS:
            handler = jax.ffi.pycapsule(getattr(self._library, f"transjet_{name}_cuda"))
            jax.ffi.register_ffi_target(f"emulated_{name}", handler, platform="cpu")

    def call(self, name: str, results: Any, *operands: Any, **attrs: Any) -> Any:
        """Call a handler."""
        return jax.ffi.ffi_call(name.replace("transjet_", "emulated_"), results)(*operands, **attrs)

    def cuda_max_layers(self) -> int:
        """As in the core."""
        return 16

    def cuda_workspace_bytes(
        self,
        target: str,
        dtype: str,
        precision: str,
        *,
        precise: bool = False,
        points: int,
        vectors: int = 1,
        terms: Sequence[tuple[Any, ...]],
    ) -> int:
        """As in the core."""
        lines = [f"{jet} {way} {d} {count} {int(frozen)} {_words(w)}" for jet, way, w, d, count, frozen in terms]
        twice, n, text = dtype == "float64", ctypes.c_size_t(points), "\n".join(lines).encode()
        found = self._library.transjet_workspace_of(
            target.encode(), precision.encode(), twice, precise, n, vectors, text
        )
        return int(found)


def _words(numbers: Sequence[int]) -> str:
    return " ".join(map(str, numbers))


def build(folder: Path) -> Emulated:
    """Compile the library, on all processors; skip where there is no compiler."""
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    sources = [*SOURCES.glob("cuda/*.cu"), *SOURCES.glob("ffi/cuda_*.cpp"), *(SOURCES / name for name in OTHERS)]
    flags = ["-std=c++17", "-O1", "-fPIC", f"-I{SOURCES}", f"-I{jax.ffi.include_dir()}"]
    flags += ["-include", "tests/cuda_on_cpu.h", "-x", "c++"]

    def compiled(source: Path) -> str:
        made = str(folder / f"{source.name}.o")
        subprocess.run([compiler, *flags, "-c", str(source), "-o", made], check=True)
        return made

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        objects = list(pool.map(compiled, sources))
    library = folder / "cuda_on_cpu.so"
    subprocess.run([compiler, "-shared", *objects, "-o", str(library)], check=True)
    return Emulated(library)
