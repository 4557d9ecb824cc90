"""Timing requests on two backends, with times of our own making."""

from __future__ import annotations

import datetime
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from triton_cases import D, F, N, array, jet, network

pytest.importorskip("transjet_kernels.problem", reason="the package of kernels is not on the path")
from transjet import ops
from transjet.backend import Kernel, Request, rates, registry, tuning
from transjet.errors import BackendError


class Clock:
    """Milliseconds by backend and tuning; None fails as XLA would."""

    def __init__(self) -> None:
        self.cuda: float | None = 2.0
        self.triton = lambda tuned: 4.0 / tuned["num_warps"]
        self.asked: list[Any] = []

    def __call__(self, run: Any, operands: Any, repeats: int) -> float:
        backend = run(*operands)
        tuned = rates.tuning(REQUEST) if backend == "triton" else None
        self.asked.append((backend, tuned, repeats))
        milliseconds = self.cuda if backend == "cuda" else self.triton(tuned)
        if milliseconds is None:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: too much shared memory\nand more lines")
        return milliseconds


STATIC, FLAT = ops.JETS["laplacian_jet"].prepare(
    network(1, (64,)), array(1, N, D), array(2, N, F), array(3, N, F), "tanh"
)
REQUEST = Request("laplacian_jet", "forward", "cuda", STATIC, (), tuple(FLAT))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(tuning, "timed", made)
    serve(monkeypatch)
    return made


def serve(monkeypatch: pytest.MonkeyPatch, refusal: str | None = None) -> None:
    """Both backends serve everything, or triton refuses."""
    rows = [
        Kernel("laplacian_jet", "forward", "cuda", lambda r, *a: "cuda", lambda r: None),  # type: ignore[arg-type, return-value]
        Kernel("laplacian_jet", "forward", "triton", lambda r, *a: "triton", lambda r: refusal),  # type: ignore[arg-type, return-value]
    ]
    monkeypatch.setattr(registry, "_kernels", {(k.op, k.role, k.backend): k for k in rows})
    monkeypatch.setattr(registry, "_probes", {name: lambda: (True, "here") for name in ("cuda", "triton")})


def measure(limit: int | None = None) -> dict[str, tuning.Timing]:
    return tuning.measure(REQUEST, FLAT, 7, limit)


def test_the_best_tuning_is_kept(clock: Clock) -> None:
    found = measure()
    assert found["cuda"] == tuning.Timing(2.0)
    assert found["triton"].milliseconds == 0.5
    best = found["triton"].tuning
    assert best is not None and best["num_warps"] == 8
    assert {repeats for *_, repeats in clock.asked} == {7}
    tried = [tuned for backend, tuned, _ in clock.asked if backend == "triton"]
    assert len(tried) > 3 and tried[0]["num_warps"] == 4 and best in tried


def test_fewer_tunings_are_tried_on_demand(clock: Clock) -> None:
    found = measure(limit=1)
    assert [backend for backend, *_ in clock.asked] == ["cuda", "triton"]
    assert found["triton"].milliseconds == 1.0


def test_a_tuning_that_cannot_run_is_passed_over(clock: Clock) -> None:
    clock.triton = lambda tuned: None if tuned["num_warps"] == 8 else 3.0
    found = measure()
    assert found["triton"].milliseconds == 3.0
    clock.triton = lambda tuned: None
    assert measure()["triton"] == tuning.Timing(None, "RESOURCE_EXHAUSTED: too much shared memory")


def test_one_setting_is_varied_after_the_other() -> None:
    grid = [{"rows": r, "num_warps": w, "num_stages": s} for r in (64, 32, 128) for w in (4, 8) for s in (2, 1, 3)]
    tried = []

    def attempt(settings: dict[str, int]) -> tuning.Timing:
        tried.append(tuple(settings.values()))
        cost = 1 + abs(settings["rows"] - 128) + abs(settings["num_warps"] - 8) + abs(settings["num_stages"] - 3)
        return tuning.Timing(float(cost), "", settings)

    best = tuning.search(grid, attempt, None)
    assert best.tuning == {"rows": 128, "num_warps": 8, "num_stages": 3}
    assert tried == [(64, 4, 2), (32, 4, 2), (128, 4, 2), (128, 8, 2), (128, 8, 1), (128, 8, 3)]
    tried.clear()
    tuning.search(grid, attempt, 2)
    assert tried == [(64, 4, 2), (32, 4, 2)]


def test_what_fails_or_is_refused_is_said(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.cuda = None
    serve(monkeypatch, "serves no such thing")
    found = measure()
    assert found["cuda"] == tuning.Timing(None, "RESOURCE_EXHAUSTED: too much shared memory")
    assert found["triton"].milliseconds is None and "serves no such thing" in found["triton"].reason
    assert tuning.row_of(REQUEST, "H", found) is None


def test_a_row_is_made_of_both_times(clock: Clock) -> None:
    row = tuning.row_of(REQUEST, "NVIDIA H100", measure())
    sizes = rates.Sizes("laplacian_jet", "forward", "float32", 64, D, D + 3)
    today = datetime.date.today().isoformat()
    assert row is not None and row.tuning is not None
    assert row == rates.Row("NVIDIA H100", sizes, 2.0, 0.5, row.tuning, today)


def test_a_forced_tuning_ends_with_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "device", lambda: None)
    tuned = {"rows": 32, "num_warps": 4, "num_stages": 1}
    with rates.forced(tuned):
        assert rates.tuning(REQUEST) == tuned
        with rates.forced(None):
            assert rates.tuning(REQUEST) is None
        assert rates.tuning(REQUEST) == tuned
    assert rates.tuning(REQUEST) is None


def test_time_is_that_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    now, calls = [0.0], []

    def run(x: jax.Array) -> jax.Array:
        calls.append(x)
        return x + 1

    def ready(results: Any) -> Any:
        now[0] += 0.002 * len(results)
        return results

    monkeypatch.setattr(tuning.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(jax, "block_until_ready", ready)
    cpu = jax.devices()
    monkeypatch.setattr(jax, "devices", lambda platform=None: cpu)
    assert tuning.timed(run, [jnp.ones(3)], 4) == pytest.approx(2.0)
    assert len(calls) == 1  # traced, and so compiled, once


def test_without_a_gpu_there_is_nothing_to_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "device", lambda: None)
    with pytest.raises(BackendError, match="tune: expected an NVIDIA GPU that JAX can use, got cpu"):
        tuning.require_device()


def test_candidates_fit_the_role() -> None:
    from transjet.backend import triton_run

    _, layers, points = jet("gradient_jet")
    static, flat = ops.JETS["gradient_jet"].prepare(layers, *points, "tanh")
    pulled = Request("gradient_jet", "cotangent", "cuda", static, (), (*flat, *flat[:3]))
    for request in (REQUEST, pulled):
        found = triton_run.candidates_of(request)
        assert all(set(c) == {"rows", "num_warps", "num_stages"} for c in found)
        assert len({tuple(c.values()) for c in found}) == len(found) > 3
