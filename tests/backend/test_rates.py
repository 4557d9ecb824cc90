"""Choosing between cuda and triton by what has been measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import pytest
from triton_cases import D, F, N, array, coefficients, network

from transjet import ops
from transjet.backend import Kernel, Request, rates, registry, select
from transjet.errors import OutputError

H100 = "NVIDIA H100"
SIZES = rates.Sizes("laplacian_jet", "forward", "float32", 64, 10, 13)
ROW = rates.Row(H100, SIZES, 1.3, 1.0, {"rows": 64, "num_warps": 4, "num_stages": 2}, "2026-01-31")


@pytest.fixture(autouse=True)
def _tables_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSJET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(rates, "SHIPPED", tmp_path / "shipped.json")
    monkeypatch.setattr(rates, "device", lambda: H100)


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> None:
    """cuda and triton both serve everything."""
    names = ("cuda", "triton")
    ops_ = ("laplacian_jet", "null")
    rows = [Kernel(op, "forward", name, lambda r, *a: list(a), lambda r: None) for op in ops_ for name in names]
    monkeypatch.setattr(registry, "_kernels", {(k.op, k.role, k.backend): k for k in rows})
    monkeypatch.setattr(registry, "_probes", {name: lambda: (True, "here") for name in names})


def request(width: int = 64, d: int = 10, op: str = "laplacian_jet") -> Request:
    static, flat = ops.JETS["laplacian_jet"].prepare(
        network(1, (width,), d), array(1, N, d), array(2, N, F), array(3, N, F), "tanh"
    )
    return Request(op, "forward", "cuda", static if op == "laplacian_jet" else None, (), tuple(flat))


def ship(*rows: rates.Row) -> None:
    user = rates.add(rows)
    user.replace(rates.SHIPPED)


# --- sizes ---


def test_the_sizes_of_a_jet() -> None:
    assert rates.sizes_of(request()) == SIZES
    assert rates.sizes_of(request(op="null")) is None


@pytest.mark.parametrize(
    ("jet", "count", "streams"),
    [("gradient_jet", None, 2), ("laplacian_jet", None, 13), ("laplacian_jet", 4, 7), ("divergence_jet", None, 11)],
)
def test_streams(jet: str, count: int | None, streams: int) -> None:
    assert rates.streams_of(jet, 10, count) == streams


def test_the_sizes_of_a_product_are_those_of_its_largest_term() -> None:
    from transjet.ops import gram

    points = array(1, N, D), array(2, N, F), array(3, N, F)
    terms = [
        ops.Term("gradient_jet", network(1, (32, 48)), *points, coefficients("gradient_jet")),
        ops.Term(
            "divergence_jet", network(D, (16,)), *points, coefficients("divergence_jet"), directions=array(5, 3, D)
        ),
    ]
    static, flat = gram.__globals__["_prepare"](terms, False)
    found = rates.sizes_of(Request("gram", "forward", "cuda", static, (), tuple(flat)))
    assert found == rates.Sizes("gram", "forward", "float32", 48, D, 4)


def test_precision_is_one_of_the_sizes_and_that_of_float64_is_its_own() -> None:
    assert rates.sizes_of(replace(request(), precision="bf16x3")) == replace(SIZES, precision="bf16x3")
    with jax.enable_x64(True):
        avals = tuple(jax.ShapeDtypeStruct(a.shape, "float64") for a in request().avals)
    found = rates.sizes_of(replace(request(), avals=avals, precision="ieee"))
    assert found == replace(SIZES, dtype="float64")


def test_what_is_measured_has_the_precision_asked_for() -> None:
    from transjet.ops import tuning

    with ops.use_precision("bf16x3"):
        made, _ = tuning.prepare(tuning.Case("gradient_jet", "forward", "float32", 8, 2, 5, 1))
    found = rates.sizes_of(made)
    assert found is not None and (found.op, found.precision) == ("gradient_jet", "bf16x3")


# --- tables ---


def test_what_is_shipped_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    table = json.loads(rates.SHIPPED.read_text())
    assert table["format"] == rates.FORMAT
    assert len(rates.read(rates.SHIPPED)) == len(table["rows"])


def test_rows_survive_the_file() -> None:
    other = replace(ROW, sizes=replace(SIZES, width=128), cuda=None, tuning=None)
    path = rates.add([ROW])
    assert rates.add([other]) == path == rates.user_table()
    assert rates.rows() == [ROW, other]


def test_rows_without_a_precision_are_of_the_default_one() -> None:
    path = rates.add([ROW, replace(ROW, sizes=replace(SIZES, precision="bf16x3"))])
    table = json.loads(path.read_text())
    assert [row.pop("precision") for row in table["rows"]] == ["default", "bf16x3"]
    path.write_text(json.dumps({"format": 1, "rows": table["rows"][:1]}))
    assert rates.rows() == [ROW]


def test_new_rows_take_the_place_of_old_ones() -> None:
    rates.add([ROW])
    newer = replace(ROW, triton=0.5, date="2026-02-01")
    rates.add([newer])
    assert rates.rows() == [newer]


def test_rows_of_the_user_take_the_place_of_shipped_ones() -> None:
    wide = replace(ROW, sizes=replace(SIZES, width=128))
    ship(ROW, wide)
    assert rates.rows() == [ROW, wide]
    own = replace(ROW, triton=9.0)
    rates.add([own])
    assert rates.rows() == [own, wide]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 2, "rows": []}', '{"format": 1, "rows": [{"op": 1}]}', "3"]
)
def test_a_damaged_table_does_not_count(text: str) -> None:
    path = rates.user_table()
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.warns(UserWarning, match="rates.json cannot be read .* do not count"):
        assert rates.rows() == []


def test_a_table_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TRANSJET_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match=r"rates.json cannot be written: .*TRANSJET_CACHE"):
        rates.add([ROW])


def test_a_failed_write_leaves_the_table_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    path = rates.add([ROW])

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        rates.add([replace(ROW, triton=2.0)])
    assert rates.rows() == [ROW] and list(path.parent.iterdir()) == [path]


# --- the nearest row ---


def test_the_nearest_row_counts_in_logarithms() -> None:
    small, large = replace(ROW, sizes=replace(SIZES, width=32)), replace(ROW, sizes=replace(SIZES, width=128))
    few, many = replace(ROW, sizes=replace(SIZES, streams=5)), replace(ROW, sizes=replace(SIZES, streams=53))
    rates.add([small, large, few, many])
    assert rates.nearest(replace(SIZES, width=63, streams=13), H100) == small  # 63 is nearer 32 than 128
    assert rates.nearest(replace(SIZES, width=65, streams=13), H100) == large
    assert rates.nearest(replace(SIZES, streams=6), H100) == few
    assert rates.nearest(replace(SIZES, streams=40), H100) == many


def test_other_operations_roles_types_and_devices_do_not_count() -> None:
    rates.add([ROW])
    for changed in ({"op": "gram"}, {"role": "tangent"}, {"dtype": "float64"}, {"precision": "bf16x3"}):
        assert rates.nearest(replace(SIZES, **changed), H100) is None
    assert rates.nearest(SIZES, "NVIDIA A100") is None


@pytest.mark.parametrize("missing", ["cuda", "triton"])
def test_a_row_with_one_time_compares_nothing(missing: str) -> None:
    rates.add([replace(ROW, **{missing: None})])
    assert rates.nearest(SIZES, H100) is None


# --- the choice ---


def test_without_rows_cuda_comes_first(both: None) -> None:
    choice = select.choose(request(), "auto")
    assert choice.backend == "cuda"
    assert choice.reasons["cuda"] == "chosen: no measured rows for this operation on NVIDIA H100: cuda comes first"
    assert choice.reasons["triton"] == "not needed, cuda comes first"


def test_the_faster_one_is_chosen(both: None) -> None:
    rates.add([ROW])
    choice = select.choose(request(), "auto")
    assert (choice.backend, choice.kernel) == ("triton", registry.kernel("laplacian_jet", "forward", "triton"))
    assert choice.reasons["triton"] == "chosen: measured 1.3 times as fast as cuda at w=64, d=10 on NVIDIA H100"
    assert choice.reasons["cuda"] == "not needed, triton comes first"
    assert "-> triton: chosen: measured" in str(choice)
    rates.add([replace(ROW, triton=2.6)])
    choice = select.choose(request(), "auto")
    assert choice.backend == "cuda"
    assert choice.reasons["cuda"] == "chosen: measured 2 times as fast as triton at w=64, d=10 on NVIDIA H100"


def test_only_rows_of_the_same_precision_are_compared(both: None) -> None:
    rates.add([ROW])  # triton is faster by default
    other = replace(request(), precision="bf16x3")
    choice = select.choose(other, "auto")
    assert choice.backend == "cuda"
    said = "chosen: no measured rows for this operation in bf16x3 on NVIDIA H100: cuda comes first"
    assert choice.reasons["cuda"].startswith(said)
    rates.add([replace(ROW, sizes=replace(SIZES, precision="bf16x3"), cuda=0.5)])
    choice = select.choose(other, "auto")
    assert choice.backend == "cuda"
    said = "chosen: measured 2 times as fast as triton at w=64, d=10 in bf16x3 on NVIDIA H100"
    assert choice.reasons["cuda"].startswith(said)
    assert select.choose(request(), "auto").backend == "triton"


def test_a_backend_asked_for_by_name_is_not_compared(both: None) -> None:
    rates.add([ROW])
    assert select.choose(request(), "cuda").reasons == {"cuda": "chosen"}


def test_what_is_not_measured_is_not_compared(both: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no measured rows for this operation" in select.choose(request(op="null"), "auto").reasons["cuda"]
    rates.add([ROW])
    monkeypatch.setattr(rates, "device", lambda: None)
    choice = select.choose(request(), "auto")
    assert choice.reasons["cuda"] == "chosen: no measured rows for an absent device: cuda comes first"


def test_rows_do_not_count_where_triton_refuses(both: None, monkeypatch: pytest.MonkeyPatch) -> None:
    rates.add([ROW])
    monkeypatch.setattr(registry, "_probes", {"cuda": lambda: (True, "here"), "triton": lambda: (False, "gone")})
    choice = select.choose(request(), "auto")
    assert choice.reasons["cuda"] == "chosen" and choice.reasons["triton"] == "gone"


# --- tuning ---


def test_a_tuning_serves_just_its_own_sizes() -> None:
    rates.add([ROW])
    assert rates.tuning(request()) == ROW.tuning
    assert rates.tuning(request(width=63)) is None
    assert rates.tuning(replace(request(), precision="bf16x3")) == ROW.tuning  # Triton's kernels are the same
    own = {"rows": 32, "num_warps": 8, "num_stages": 1}
    rates.add([replace(ROW, sizes=replace(SIZES, precision="bf16x3"), tuning=own)])
    assert rates.tuning(replace(request(), precision="bf16x3")) == own
    assert rates.tuning(request()) == ROW.tuning
    rates.add([replace(ROW, cuda=None)])
    assert rates.tuning(request()) == ROW.tuning  # cuda need not serve them


def test_the_device_is_the_first_one_that_jax_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    class Device:
        device_kind = H100

    def none(platform: str) -> Any:
        raise RuntimeError(f"no {platform}")

    rates.device.cache_clear()
    monkeypatch.setattr(jax, "devices", none)
    assert rates.device() is None
    rates.device.cache_clear()
    monkeypatch.setattr(jax, "devices", lambda platform: [Device()])
    assert rates.device() == H100
    rates.device.cache_clear()


def test_the_triton_backend_uses_the_tuning() -> None:
    pytest.importorskip("transjet_kernels.problem", reason="the package of kernels is not on the path")
    from transjet.backend import triton_run
    from transjet_kernels.problem import Tuning

    assert triton_run.tuning_of(request()) is None
    rates.add([ROW])
    assert triton_run.tuning_of(request()) == Tuning(64, 4, 2)
