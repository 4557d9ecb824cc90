"""The seam: which cores are accepted, what is said of the others, and what the real one does."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.backend import ffi
from transjet.errors import BackendError

HEADER = "#define OTHER 7\n#define XLA_FFI_API_MAJOR {}\n#define XLA_FFI_API_MINOR {}\n"
needs_core = pytest.mark.skipif(not ffi.core_status().available, reason=ffi.core_status().reason)


def fake_module(version: tuple[int, int] = (0, 3)) -> Any:
    build = {"version": "9.9", "compiler": "fake 1", "jaxlib": "0.10.0", "ffi_api_version": version}
    targets = {"op_a": {"cpu": "handler 1", "CUDA": "handler 2"}, "op_b": {"cpu": "handler 3"}}
    simd = {"supported": ["wide", "narrow"], "selected": "wide"}

    def select(name: str) -> bool:
        simd["selected"] = name or "wide"
        return simd["selected"] in simd["supported"]

    return SimpleNamespace(
        build_info=lambda: build,
        registrations=lambda: targets,
        simd=lambda: dict(simd),
        select_simd=select,
        factor_bytes=len,
    )


def fake_core(load: Any = fake_module, running: Any = lambda: (0, 3), register: Any = None) -> ffi.Core:
    return ffi.Core(load, running, register or (lambda *row: None))


def raising(error: Exception) -> Any:
    def load() -> Any:
        raise error

    return load


# --- the instruction set ---


@pytest.mark.parametrize(("asked", "selected"), [(None, "wide"), ("", "wide"), ("narrow", "narrow")])
def test_environment_chooses_the_instruction_set(
    asked: str | None, selected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ffi.SIMD_VARIABLE, raising=False)
    if asked is not None:
        monkeypatch.setenv(ffi.SIMD_VARIABLE, asked)
    assert fake_core().status.simd == {"supported": ["wide", "narrow"], "selected": selected}


def test_instruction_set_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ffi.SIMD_VARIABLE, "mmx")
    with pytest.raises(BackendError, match="TRANSJET_SIMD: expected one of wide, narrow, .*; got 'mmx'"):
        fake_core()


# --- the version rule ---


def test_version_is_read_from_the_header() -> None:
    assert ffi.parse_api_version(HEADER.format(1, 23)) == (1, 23)


@pytest.mark.parametrize("text", ["", "#define XLA_FFI_API_MAJOR 0\n", HEADER.format("x", "y")])
def test_header_without_version_is_refused(text: str) -> None:
    with pytest.raises(BackendError, match="expected XLA_FFI_API_MAJOR and XLA_FFI_API_MINOR"):
        ffi.parse_api_version(text)


def test_running_version_agrees_with_the_installed_header() -> None:
    lines = (Path(jax.ffi.include_dir()) / "xla/ffi/api/c_api.h").read_text().splitlines()
    major, minor = ffi.running_api_version()
    assert f"#define XLA_FFI_API_MAJOR {major}" in lines
    assert f"#define XLA_FFI_API_MINOR {minor}" in lines


def test_jaxlib_without_headers_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax.ffi, "include_dir", lambda: str(tmp_path))
    with pytest.raises(BackendError, match="ships no xla/ffi/api/c_api.h.*Reinstall jaxlib"):
        ffi.running_api_version()


@pytest.mark.parametrize(("built", "running"), [((0, 3), (0, 3)), ((0, 2), (0, 3)), ((1, 0), (1, 9))])
def test_older_or_equal_minor_of_the_same_major_is_accepted(built: Any, running: Any) -> None:
    ffi.check_api_version(built, running, "0.10.0")
    assert fake_core(lambda: fake_module(built), lambda: running).status.available


@pytest.mark.parametrize(("built", "running"), [((0, 4), (0, 3)), ((1, 0), (0, 9)), ((0, 9), (1, 0))])
def test_newer_minor_or_other_major_raises_with_the_remedy(built: Any, running: Any) -> None:
    with pytest.raises(BackendError) as caught:
        fake_core(lambda: fake_module(built), lambda: running)
    text = str(caught.value)
    for part in (f"{built[0]}.{built[1]}", f"{running[0]}.{running[1]}", "jaxlib 0.10.0", "pip install"):
        assert part in text


# --- no usable core ---


def test_core_that_was_never_built_is_a_status_not_an_error() -> None:
    core = fake_core(raising(ModuleNotFoundError("no module", name="transjet._core")))
    assert core.status == (
        False,
        "the compiled core is not built; `pip install .` in a checkout builds it",
        {},
        {},
    )


def test_core_that_cannot_be_loaded_says_why() -> None:
    core = fake_core(raising(ImportError("undefined symbol: abc")))
    assert not core.status.available
    assert "cannot be loaded (undefined symbol: abc)" in core.status.reason


def test_core_is_not_used_when_the_running_version_is_unknown() -> None:
    core = fake_core(running=raising(BackendError("no header here")))
    assert core.status.available is False
    assert core.status.reason == "no header here"
    assert core.status.build["compiler"] == "fake 1"


def test_calling_without_a_core_raises_with_the_reason() -> None:
    core = fake_core(raising(ImportError("gone")))
    with pytest.raises(BackendError, match="a compiled kernel was called, but .*gone"):
        core.call("op_a", None, (), {})


# --- registration ---


def test_all_targets_are_registered_once_by_any_number_of_threads() -> None:
    seen: list[tuple[str, Any, str]] = []
    core = fake_core(register=lambda *row: seen.append(row))
    threads = [threading.Thread(target=core.register) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [
        ("op_a", "handler 1", "cpu"),
        ("op_a", "handler 2", "CUDA"),
        ("op_b", "handler 3", "cpu"),
    ]


def test_nothing_is_registered_before_the_first_call() -> None:
    seen: list[Any] = []
    core = fake_core(register=lambda *row: seen.append(row))
    assert core.status.available
    assert seen == []


def test_unknown_target_names_the_known_ones() -> None:
    with pytest.raises(BackendError, match=r"expected a target of the compiled core \(op_a, op_b\), got 'op_c'"):
        fake_core().call("op_c", None, (), {})


# --- the import of transjet, in a process of its own ---


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)


@needs_core
def test_import_raises_when_jaxlib_is_older_than_the_core(tmp_path: Path) -> None:
    header = tmp_path / "xla/ffi/api/c_api.h"
    header.parent.mkdir(parents=True)
    header.write_text(HEADER.format(0, 0))
    done = run(f"import jax.ffi\njax.ffi.include_dir = lambda: {str(tmp_path)!r}\nimport transjet.ops")
    assert done.returncode == 1
    assert "BackendError: the compiled core of transjet needs XLA FFI" in done.stderr


def test_import_without_a_core_succeeds_and_only_the_cpu_backend_is_missing() -> None:
    done = run("""
        import sys
        sys.modules["transjet._core"] = None
        from transjet import ops
        from transjet.backend import availability
        print(availability("cpu").available, availability("xla").available, ops.null(1.5))
    """)
    assert (done.stdout, done.stderr) == ("False True 1.5\n", "")


# --- the real core ---


def call_null(x: Any, result: jax.ShapeDtypeStruct | None = None) -> jax.Array:
    out: jax.Array = ffi.call("transjet_null", result or jax.ShapeDtypeStruct(x.shape, x.dtype), x)
    return out


def awkward(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    values = np.resize(np.array([np.nan, -0.0, np.inf, 1 / 3, np.finfo(dtype).max], dtype), shape)
    return values.astype(dtype)


@needs_core
@pytest.mark.parametrize("shape", [(), (0,), (1,), (7,), (3, 0, 2), (2, 3, 5), (1023,)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_bit_arrives(shape: tuple[int, ...], dtype: str, x64: None) -> None:
    x = awkward(shape, dtype)
    for run_it in (call_null, jax.jit(call_null)):
        y = np.asarray(run_it(jnp.asarray(x)))
        assert (y.shape, y.dtype) == (x.shape, x.dtype)
        assert y.tobytes() == x.tobytes()


@needs_core
@pytest.mark.parametrize(
    ("operand", "shape", "dtype", "message"),
    [
        (np.arange(3, dtype=np.int32), (3,), np.int32, "x must have dtype F32 or F64, got S32"),
        (np.ones(3, np.float32), (4,), np.float32, "result must have element count 3, got 4"),
        (np.ones(3, np.float32), (3,), np.int32, "result must have dtype F32, got S32"),
    ],
)
def test_the_handler_refuses_in_words(operand: Any, shape: Any, dtype: Any, message: str) -> None:
    with pytest.raises(jax.errors.JaxRuntimeError, match=f"transjet_null: {message}"):
        call_null(jnp.asarray(operand), jax.ShapeDtypeStruct(shape, dtype))


@needs_core
def test_the_build_tells_its_story() -> None:
    build = ffi.core_status().build
    assert set(build) == {
        "version",
        "compiler",
        "build_type",
        "ffi_api_version",
        "jaxlib",
        "cuda",
        "simd_baseline",
    }
    assert isinstance(build["cuda"]["compiled"], bool)
    assert build["cuda"]["reason"]
    assert build["simd_baseline"] in ("none", "sse2", "avx2", "avx512f", "neon")
