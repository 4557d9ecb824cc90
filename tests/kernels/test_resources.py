"""Registers, stack and shared memory of compiled kernels: some are compiled, all of them are recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

resources = pytest.importorskip("transjet_kernels.resources", reason="the package of kernels is not on the path")
from transjet_kernels import aot  # noqa: E402

RECORD = Path(__file__).parents[2] / "kernels" / "resources.json"
VERSION, RECORDED = resources.read(RECORD)
needs_triton = pytest.mark.skipif(
    aot.triton_version() is None, reason="triton is not installed, it comes with the extra `test`"
)

# One of every kernel. Those that are out of registers, or have a stack already, are where a change shows first.
COMPILED = (
    "forward_scalar fp32 BT=8 SP=8 IP=16 W=64 DP=16 TIME=1 SECOND=1 DIRECTIONS=0 ACTIVATION=5 PRECISION=tf32x3",
    "forward_vector fp32 BT=16 SP=4 IP=16 W=64 DP=16 DIRECTIONS=0 ACTIVATION=5 PRECISION=tf32x3",
    "tangent_scalar fp32 BT=8 SP=8 IP=16 W=64 DP=16 TIME=1 SECOND=1 DIRECTIONS=0 ACTIVATION=5 PRECISION=tf32x3",
    "tangent_vector fp32 BT=16 SP=4 IP=16 W=32 DP=16 DIRECTIONS=0 ACTIVATION=0 PRECISION=tf32x3",
    "reverse fp32 BT=64 IP=16 W=64 DP=16 ACTIVATION=3 PRECISION=tf32x3",
    "factors fp32 BT=8 SP=8 IP=16 W=64 DP=16 TIME=1 SECOND=1 VECTOR=0 DIRECTIONS=0 ACTIVATION=5 PRECISION=tf32x3",
    "contract fp32 BT=8 SP=8 IP=16 W=64 DP=16 PRECISION=tf32x3",
    "sums fp32 M=64 SP=8 A=64 B=64 COLUMNS=64 PRECISION=tf32x3",
    "gram fp32/fp64 BT=8 SP=8 IP=16 W=64 DP=16 PRECISION=tf32x3",
    "assemble fp32 SP=64 PART=16 A=64 B=64 COLUMNS=64 PRECISION=tf32x3",
    "outer fp32/fp64 BT=64 K=1024 PIECE=512 PRECISION=tf32x3 warps=8",
    "reduce fp32 BLOCK=1024",
)


@needs_triton
@pytest.mark.parametrize("name", COMPILED, ids=lambda name: name.split()[0])
def test_a_kernel_takes_no_more_than_is_recorded(name: str) -> None:
    name += " stages=1" if "warps" in name else " warps=4 stages=1"
    found = resources.measure(*resources.kernels()[name])
    assert found.registers > 0
    assert resources.growth(found, RECORDED[name], aot.triton_version() == VERSION) is None


def test_one_of_every_kernel_is_compiled() -> None:
    assert {name.split()[0] for name in COMPILED} == {launch.function for launch, _ in resources.kernels().values()}


def test_every_kernel_that_plans_launch_is_recorded_and_no_other() -> None:
    assert set(RECORDED) == set(resources.kernels())


def test_what_is_recorded_is_what_a_multiprocessor_has() -> None:
    assert {name: row for name, row in RECORDED.items() if row.excess()} == {}
    launches = resources.kernels()
    assert all(row.threads == 32 * launches[name][0].num_warps for name, row in RECORDED.items())


SOME = resources.Resources(registers=128, stack=32, shared=1 << 15, threads=256)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"registers": 256, "threads": 128}, "256 registers for each of 128 threads"),
        ({"registers": 255, "threads": 512}, "255 registers for each of 512 threads"),
        ({"shared": 227 * 1024 + 1}, "232449 bytes of shared memory"),
    ],
)
def test_limits_are_those_of_the_gpu_whatever_is_recorded(change: dict[str, int], reason: str) -> None:
    more = replace(SOME, **change)
    assert more.excess() == reason
    assert resources.growth(more, more, False) == reason


def test_a_larger_stack_counts_for_the_version_recorded() -> None:
    more = replace(SOME, stack=40)
    assert resources.growth(more, SOME, True) == "40 bytes of stack, recorded were 32"
    assert resources.growth(more, SOME, False) is None
    assert resources.growth(SOME, more, True) is None


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "resources.json"
    resources.write({"a": SOME, "b": replace(SOME, stack=0)}, path)
    version, rows = resources.read(path)
    assert (version, rows) == (str(aot.triton_version()), {"a": SOME, "b": replace(SOME, stack=0)})
    path.write_text('{"triton": "3.9.0", "kernels": []}')
    with pytest.raises(ValueError, match="expected a record of kernels"):
        resources.read(path)


def test_what_is_not_recorded_fails_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = next(iter(RECORDED))
    monkeypatch.setattr(resources, "measure", lambda launch, signature: SOME)
    path = tmp_path / "resources.json"
    resources.write({name: SOME}, path)
    assert resources.main(["--file", str(path), "--only", name]) == 0
    resources.write({name: replace(SOME, stack=0)}, path)
    assert resources.main(["--file", str(path), "--only", name]) == 1
    resources.write({}, path)
    assert resources.main(["--file", str(path), "--only", name]) == 1
    assert resources.main(["--file", str(tmp_path / "none.json")]) == 2
