"""The cases that `transjet tune` measures."""

from __future__ import annotations

import pathlib
from typing import Any

import jax
import pytest

from transjet.backend import rates
from transjet.backend.tuning import Timing
from transjet.errors import BackendError, ConfigError
from transjet.ops import tuning

SMALL = {"points": 5, "depth": 2}


def test_cases_are_all_combinations_and_products_have_one_role() -> None:
    found = tuning.cases(["laplacian_jet", "gram"], ["forward", "tangent"], ["float32"], [8, 16], [2], **SMALL)
    assert [(c.op, c.role, c.width) for c in found] == [
        ("laplacian_jet", "forward", 8),
        ("laplacian_jet", "forward", 16),
        ("laplacian_jet", "tangent", 8),
        ("laplacian_jet", "tangent", 16),
        ("gram", "forward", 8),
        ("gram", "forward", 16),
    ]
    assert str(found[0]) == "laplacian_jet forward float32 w=8 d=2 n=5 depth=2"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"ops": ["null"]}, "tune: op: expected one of gradient_jet, .*, gram; got 'null'"),
        ({"roles": ["backward"]}, "tune: role: expected one of forward, tangent, cotangent; got 'backward'"),
        ({"dtypes": ["bfloat16"]}, "tune: dtype: expected one of float32, float64; got 'bfloat16'"),
        ({"widths": [8, 0]}, "tune: expected sizes of one or more; got 0"),
        ({"points": -1}, "tune: expected sizes of one or more; got -1"),
    ],
)
def test_unknown_names_and_sizes_are_refused(changed: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"ops": ["gram"], "roles": ["forward"], "dtypes": ["float32"], "widths": [8], "dims": [2]}
    with pytest.raises(ConfigError, match=message):
        tuning.cases(**(given | changed))


@pytest.mark.parametrize("dtype", tuning.DTYPES)
@pytest.mark.parametrize("op", tuning.OPERATIONS)
def test_every_case_is_a_request_that_the_cpu_kernels_take(op: str, dtype: str) -> None:
    """The layout of operands is the same for all backends, and one that is wrong would not run."""
    from transjet.backend import ffi
    from transjet.backend.registry import kernel

    if not ffi.core_status().available:
        pytest.skip(ffi.core_status().reason)
    for case in tuning.cases([op], tuning.ROLES, [dtype], [8], [3], **SMALL):
        with jax.enable_x64(dtype == "float64"):
            request, operands = tuning.prepare(case)
            row = kernel(op, case.role, "cpu")
            assert row is not None and row.refuses(request) is None
            results = jax.jit(lambda *a, row=row, request=request: row.run(request, *a))(*operands)
        assert all(bool((result == result).all()) for result in jax.tree.leaves(results))
        sizes = rates.sizes_of(request)
        assert sizes is not None and (sizes.op, sizes.dtype, sizes.width, sizes.d) == (op, dtype, 8, 3)


def test_results_come_one_by_one_and_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv("TRANSJET_CACHE", str(tmp_path))
    timings = {"cuda": Timing(2.0), "triton": Timing(1.0, "", {"rows": 64, "num_warps": 4, "num_stages": 2})}
    asked = []

    def measure(request: Any, operands: Any, repeats: int, limit: int | None) -> Any:
        asked.append((request.op, repeats, limit))
        return timings

    monkeypatch.setattr(tuning.tuning, "measure", measure)
    monkeypatch.setattr(tuning.tuning, "require_device", lambda: "NVIDIA H100")
    results = tuning.run(tuning.cases(["gradient_jet"], ["forward"], ["float32"], [8, 16], [2], **SMALL), 3, 2)
    assert asked == []
    first = next(results)
    assert asked == [("gradient_jet", 3, 2)] and first.timings == timings
    tuning.keep(first)
    tuning.keep(next(results))
    assert [(row.device, row.sizes.width, row.cuda, row.triton) for row in rates.rows()] == [
        ("NVIDIA H100", 8, 2.0, 1.0),
        ("NVIDIA H100", 16, 2.0, 1.0),
    ]


def test_without_a_gpu_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "device", lambda: None)
    with pytest.raises(BackendError, match="expected an NVIDIA GPU that JAX can use"):
        next(tuning.run(tuning.cases(["gram"], ["forward"], ["float32"], [8], [2], **SMALL)))
