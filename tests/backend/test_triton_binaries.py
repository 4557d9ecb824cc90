"""Where machine code comes from, and for which GPU."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import pytest
from stand_in import saxpy

aot = pytest.importorskip("transjet_kernels.aot", reason="the package of kernels is not on the path")
from transjet.backend import ffi, triton_binaries  # noqa: E402
from transjet.backend.cache import cache_folder  # noqa: E402
from transjet.errors import BackendError  # noqa: E402
from transjet_kernels.aot_store import Store  # noqa: E402

LAUNCH = saxpy("x", "y", "out", 0.5, 1000)
needs_core = pytest.mark.skipif(not ffi.core_status().available, reason=ffi.core_status().reason)


class Compiler:
    """Stands in for Triton and counts."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, launch: Any, signature: Any, target: int) -> Any:
        self.calls.append(target)
        description = aot.describe(launch, signature, target)
        return aot.Binary(b"code %d" % len(self.calls), launch.function, "pppif00", 0, 128, target, "9.9", description)


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiler:
    made = Compiler()
    monkeypatch.setenv("TRANSJET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(triton_binaries, "_shipped", lambda: Store(tmp_path / "shipped"))
    monkeypatch.setattr(aot, "compile_launch", made)
    monkeypatch.setattr(aot, "triton_version", lambda: "9.9")
    return made


def key(target: int) -> str:
    name: str = aot.key_of(aot.describe(LAUNCH, LAUNCH.types, target))
    return name


def get(target: int = 90) -> Any:
    return triton_binaries.binary(LAUNCH, LAUNCH.types, target)


# --- the user's cache ---


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRANSJET_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TRANSJET_CACHE", "~/kept")
    assert cache_folder() == tmp_path / "kept"
    monkeypatch.delenv("TRANSJET_CACHE")
    assert cache_folder() == tmp_path / ".cache" / "transjet"


def test_a_kernel_is_compiled_once_for_each_target(compiler: Compiler) -> None:
    first = get()
    assert get() == first and compiler.calls == [90]
    assert get(80).target == 80 and compiler.calls == [90, 80]


def test_a_damaged_entry_is_made_anew(compiler: Compiler) -> None:
    get()
    (cache_folder() / "triton" / f"{key(90)}.cubin").write_bytes(b"dust")
    assert get().cubin == b"code 2"
    assert get().cubin == b"code 2" and compiler.calls == [90, 90]


def test_another_version_of_triton_compiles_anew(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    get()
    monkeypatch.setattr(aot, "triton_version", lambda: "10.0")
    get()
    assert compiler.calls == [90, 90]
    monkeypatch.setattr(aot, "triton_version", lambda: None)
    get()  # without Triton, code of any version is welcome
    assert compiler.calls == [90, 90]


def test_a_cache_that_cannot_be_written_costs_time_alone(
    compiler: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TRANSJET_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        with pytest.warns(UserWarning, match="cannot be kept in .*file .*TRANSJET_CACHE"):
            assert get().entry == "saxpy"
    assert compiler.calls == [90, 90]


# --- what is shipped ---


def ship(target: int, tmp_path: Path) -> Any:
    made = replace(Compiler()(LAUNCH, LAUNCH.types, target), cubin=b"shipped for %d" % target)
    Store(tmp_path / "shipped").add(key(target), made)
    return made


def test_what_is_shipped_comes_first(compiler: Compiler, tmp_path: Path) -> None:
    made = ship(90, tmp_path)
    assert get() == made and compiler.calls == []


@pytest.mark.parametrize(
    ("shipped", "wanted", "serves"),
    [(80, 86, True), (80, 89, True), (89, 86, False), (90, 100, False), (80, 90, False)],
)
def test_code_runs_on_later_gpus_of_its_generation(
    shipped: int, wanted: int, serves: bool, compiler: Compiler, tmp_path: Path
) -> None:
    ship(shipped, tmp_path)
    assert (get(wanted).target == shipped) is serves


def test_without_triton_what_is_not_shipped_is_an_error(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*arguments: Any) -> Any:
        raise aot.CompilationError("triton is not installed")

    monkeypatch.setattr(aot, "compile_launch", missing)
    message = "triton: saxpy for sm_90 is not shipped compiled, and: triton is not installed. Install the extra 'gpu'"
    with pytest.raises(BackendError, match=message):
        get()


def test_the_status_counts_what_there_is(compiler: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert triton_binaries.kernels_status() == (True, "triton 9.9")
    monkeypatch.setattr(aot, "triton_version", lambda: None)
    assert triton_binaries.kernels_status() == (False, "triton is not installed, no kernels are shipped compiled")
    ship(90, tmp_path)
    assert triton_binaries.kernels_status() == (True, "triton is not installed, 1 kernels are shipped compiled")
    monkeypatch.setattr(triton_binaries, "KERNELS", "no_such_package")
    assert triton_binaries.kernels_status() == (False, "the package no_such_package is not installed")


# --- for which GPU ---


@pytest.mark.parametrize(("text", "target"), [("sm_90", 90), ("100", 100), ("sm_86", 86)])
def test_the_environment_names_the_target(text: str, target: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSJET_TRITON_TARGET", text)
    assert triton_binaries.target() == target


@pytest.mark.parametrize("text", ["h100", "9.0", "sm_", "sm_9", "compute_90"])
def test_other_names_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSJET_TRITON_TARGET", text)
    with pytest.raises(BackendError, match=f"TRANSJET_TRITON_TARGET: expected one such as sm_90; got '{text}'"):
        triton_binaries.target()


def test_else_the_target_is_the_gpu_present(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRANSJET_TRITON_TARGET", raising=False)

    class Device:
        compute_capability = "10.0"

    def none(platform: str) -> Any:
        raise RuntimeError(f"no {platform}")

    triton_binaries._device_target.cache_clear()
    monkeypatch.setattr(jax, "devices", none)
    with pytest.raises(BackendError, match="expected a GPU that JAX can use, or its kind in .*; got neither"):
        triton_binaries.target()
    triton_binaries._device_target.cache_clear()
    monkeypatch.setattr(jax, "devices", lambda platform: [Device()])
    assert triton_binaries.target() == 100
    triton_binaries._device_target.cache_clear()


# --- the launcher's table ---


@needs_core
def test_a_kernel_is_registered_under_the_name_of_its_code(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSJET_TRITON_TARGET", "90")
    name = triton_binaries.register(LAUNCH, LAUNCH.types)
    assert name.startswith("saxpy-") and triton_binaries.register(LAUNCH, LAUNCH.types) == name
    with pytest.raises(BackendError, match="its layout must be of the letters"):
        ffi.register_kernel("x", b"", "x", "q", 0, 128)
