"""Launching compiled kernels from JAX: what the handler makes of a call, and how a plan's buffers become values."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from stand_in import SOURCES, Buffer, Plan, StandIn, launch, saxpy

from transjet.backend import triton_binaries, triton_launch

COMMAND_BUFFER_COMPATIBLE = 1


@pytest.fixture
def kernels(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Kernels of plans are those of the stand-in, under their own names."""
    assert stand_in.register("saxpy", "FAKE saxpy pppif00", "pppif00")
    monkeypatch.setattr(triton_binaries, "register", lambda launch, signature: launch.function)
    return stand_in


def plan_of(*launches: object, **shapes: int) -> Plan:
    return Plan({name: Buffer((size,), "float32") for name, size in shapes.items()}, launches)  # type: ignore[arg-type]


# --- the handler ---


def test_operands_results_and_scalars_reach_the_kernel(kernels: StandIn) -> None:
    x, y = jnp.arange(5.0), jnp.full(5, 10.0)
    (out,) = launch(
        "saxpy", (y, x), [jax.ShapeDtypeStruct((5,), jnp.float32)], grid=[2, 3, 4], order=[1, 0, 2], integers=[5],
        reals=[0.5],
    )  # fmt: skip
    np.testing.assert_array_equal(out, 0.5 * np.arange(5) + 10)
    line = "launch saxpy grid 2 3 4 block 128 shared 0 stream 5 with p:set p:set p:set i:5 f:0.5 0:null 0:null"
    assert kernels.take_log()[-1] == line


def test_a_module_is_loaded_by_the_first_of_many_calls(stand_in: StandIn) -> None:
    stand_in.register("often", "FAKE often", "")
    for _ in range(3):
        launch("often")
    log = stand_in.take_log()
    assert [line.split()[0] for line in log] == ["load", "launch", "launch", "launch"]


@pytest.mark.parametrize(
    ("name", "cubin", "changed", "message"),
    [
        ("a", "OTHER-GPU a", {}, "kernel a was compiled for another generation of GPUs: CUDA_ERROR_NO_BINARY_FOR_GPU"),
        ("b", "BROKEN b", {}, "kernel b cannot be loaded: CUDA_ERROR_INVALID_IMAGE (in other words)"),
        ("c", "FAKE c", {"integers": [1]}, "kernel c: it takes 0 integers, got 1"),
        ("d", "FAKE d", {"grid": [1, 1]}, "a grid must have 3 sizes, got 2"),
    ],
)
def test_errors_arrive_in_words(stand_in: StandIn, name: str, cubin: str, changed: dict, message: str) -> None:
    stand_in.register(name, cubin, "")
    with pytest.raises(jax.errors.JaxRuntimeError, match=re.escape(f"INTERNAL: transjet_triton_launch: {message}")):
        launch(name, **changed)


@pytest.mark.parametrize(("name", "cubin"), [("load", "HUGE load"), ("glutton", "FAKE glutton")])
def test_want_of_memory_is_the_same_error_as_anywhere(stand_in: StandIn, name: str, cubin: str) -> None:
    stand_in.register(f"no memory to {name}", cubin, "")
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"^RESOURCE_EXHAUSTED: .*CUDA_ERROR_OUT_OF_MEMORY"):
        launch(f"no memory to {name}")


def test_a_kernel_of_another_process_is_reported(stand_in: StandIn) -> None:
    with pytest.raises(jax.errors.JaxRuntimeError, match="kernel nobody-knows is not known in this process"):
        launch("nobody-knows")


def test_xla_may_record_the_handler_in_a_command_buffer(stand_in: StandIn) -> None:
    assert stand_in.traits_on_cuda() & COMMAND_BUFFER_COMPATIBLE


# --- plans ---


def test_launches_run_in_order_through_scratch(kernels: StandIn) -> None:
    plan = plan_of(saxpy("x", "x", "double", 1, 4), saxpy("double", "x", "out", 10, 4), x=4, double=4, out=4)
    x = jnp.arange(4.0)
    out = jax.jit(lambda x: triton_launch.run(plan, {"x": x})["out"])(x)
    np.testing.assert_array_equal(out, 21 * np.arange(4))


def test_a_buffer_that_is_read_and_written_is_the_same_memory(kernels: StandIn) -> None:
    # out = 2 x + y is written where `total` lies; without the alias its operand would not be read at all.
    plan = plan_of(saxpy("x", "y", "total", 2, 3, inplace=True), x=3, y=3, total=3)
    total = jnp.full(3, 7.0)

    def both(x: jax.Array, y: jax.Array, total: jax.Array) -> tuple[jax.Array, jax.Array]:
        return triton_launch.run(plan, {"x": x, "y": y, "total": total})["total"], total

    lowered = jax.jit(both).lower(jnp.ones(3), jnp.ones(3), total)
    assert "output_operand_alias<output_tuple_indices = [], operand_index = 2" in lowered.as_text()
    after, before = lowered.compile()(jnp.ones(3), jnp.ones(3), total)
    np.testing.assert_array_equal(after, np.full(3, 3.0))
    np.testing.assert_array_equal(before, np.full(3, 7.0))


def test_a_plan_runs_in_a_loop(kernels: StandIn) -> None:
    plan = plan_of(saxpy("x", "y", "out", 2, 3), x=3, y=3, out=3)

    def step(carry: jax.Array, x: jax.Array) -> tuple[jax.Array, None]:
        return triton_launch.run(plan, {"x": x, "y": carry})["out"], None

    total, _ = jax.jit(lambda xs: jax.lax.scan(step, jnp.zeros(3), xs))(jnp.arange(12.0).reshape(4, 3))
    np.testing.assert_array_equal(total, 2 * np.arange(12.0).reshape(4, 3).sum(0))


# --- the driver's interface ---


def headers() -> list[Path]:
    """Folders with NVIDIA's cuda.h: the toolkit's, and one that comes with Triton."""
    triton = importlib.util.find_spec("triton")
    found = [Path(os.environ.get("CUDA_HOME", "/usr/local/cuda")) / "include"]
    if triton is not None and triton.origin is not None:
        found.append(Path(triton.origin).parent / "backends" / "nvidia" / "include")
    return [folder for folder in found if (folder / "cuda.h").is_file()]


def test_declarations_of_the_driver_are_those_of_its_header() -> None:
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None or not headers():
        pytest.skip("no C++ compiler or no cuda.h")
    for folder in headers():
        command = [compiler, "-std=c++17", "-fsyntax-only", f"-I{SOURCES}", "-isystem", str(folder)]
        subprocess.run([*command, str(SOURCES / "tests" / "driver_prototypes.cpp")], check=True)
