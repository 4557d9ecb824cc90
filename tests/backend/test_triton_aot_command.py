"""The command that compiles kernels for given sizes in advance, with a compiler of our own making."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

command = pytest.importorskip("transjet_kernels.aot_command", reason="the package of kernels is not on the path")
from transjet_kernels import aot  # noqa: E402
from transjet_kernels.aot_store import Store  # noqa: E402
from transjet_kernels.problem import Problem  # noqa: E402

SMALL = ["--jet", "laplacian_jet", "--width", "16", "--dim", "2", "--target", "80", "90"]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Kernels and targets, in the order in which they were compiled."""
    done: list[tuple[str, int]] = []

    def compile_launch(launch: Any, signature: Any, target: int) -> aot.Binary:
        done.append((launch.function, target))
        source = aot.describe(launch, signature, target)
        return aot.Binary(b"code", launch.function, "p", 0, 128, target, "9.9", source)

    monkeypatch.setattr(command, "compile_launch", compile_launch)
    return done


def test_every_kernel_of_every_role_is_compiled_once(
    tmp_path: Path, compiled: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([*SMALL, "--out", str(tmp_path)]) == 0
    names = {name for name, _ in compiled}
    assert {"forward_scalar", "tangent_scalar", "factors", "contract", "sums", "reduce", "gram"} <= names
    assert {target for _, target in compiled} == {80, 90}
    count = len(list(Store(tmp_path).keys()))
    assert count == len(compiled)
    expected = f"{tmp_path}: {count} kernels, {count} of them compiled now, 0 others removed\n"
    assert capsys.readouterr().out == expected


def test_what_is_there_stays_and_what_is_not_wanted_goes(
    tmp_path: Path, compiled: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    command.main([*SMALL, "--out", str(tmp_path)])
    store = Store(tmp_path)
    damaged = next(store.keys())
    (tmp_path / f"{damaged}.cubin").write_bytes(b"dust")
    store.add("of-older-sources", aot.Binary(b"code", "f", "", 0, 32, 80, "1.0", "old"))
    compiled.clear()
    capsys.readouterr()
    assert command.main([*SMALL, "--out", str(tmp_path)]) == 0
    assert len(compiled) == 1
    assert "1 of them compiled now, 1 others removed" in capsys.readouterr().out
    assert "of-older-sources" not in store.keys() and store.find(damaged) is not None


def test_roles_that_are_refused_are_left_out() -> None:
    few, many = (len(list(command.plans(Problem("gradient_jet", 64, d, 1, (16,), ("tanh",))))) for d in (2, 127))
    assert few > many > 0  # changes of a gradient along that many coordinates are left to another backend


def test_errors_are_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(aot, "triton_version", lambda: None)
    assert command.main([*SMALL, "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "error: triton is not installed\n"


@pytest.mark.parametrize("d", [2, 40])
def test_a_kernel_does_not_depend_on_the_number_of_points_or_layers(d: int) -> None:
    def keys(points: int, hidden: int) -> set[str]:
        problem = Problem("laplacian_jet", points, d, 1, (32,) * hidden, ("tanh",) * hidden)
        return {
            aot.describe(launch, launch.signature(plan), 90)
            for plan in command.plans(problem)
            for launch in plan.launches
        }

    assert keys(100_000, 3) == keys(77, 5)
    assert keys(1000, 1) < keys(1000, 3)
