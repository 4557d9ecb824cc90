"""`transjet tune`, with times of our own making; and that it measures nothing where there is no GPU."""

from __future__ import annotations

import json

import jax
import pytest

from transjet.backend import rates
from transjet.backend.tuning import Timing
from transjet.ops import tuning

TUNED = {"rows": 64, "num_warps": 4, "num_stages": 2}
CASE = ["--op", "laplacian_jet", "--role", "forward", "--width", "8", "--dim", "2", "--points", "5", "--depth", "1"]


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSJET_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def times(monkeypatch):
    """Of cuda and triton, to be changed; and what was asked for."""
    found = {"cuda": Timing(1.3), "triton": Timing(1.0, "", TUNED), "asked": []}

    def measure(request, operands, repeats, limit):
        found["asked"].append((request.op, request.role, str(operands[0].dtype), repeats, limit))
        return {name: found[name] for name in ("cuda", "triton")}

    monkeypatch.setattr(tuning.tuning, "measure", measure)
    monkeypatch.setattr(tuning.tuning, "require_device", lambda: "NVIDIA H100")
    return found


def test_without_a_gpu_it_is_an_error_in_words(transjet):
    if jax.default_backend() == "gpu":
        pytest.skip("there is one")
    outcome = transjet("tune", *CASE)
    assert outcome.code == 2 and outcome.out == ""
    assert outcome.err.startswith("error: tune: expected an NVIDIA GPU that JAX can use, got cpu. Run it on a machine")
    assert not rates.user_table().exists()


def test_a_line_for_each_case_and_a_row_in_the_table(transjet, times):
    outcome = transjet("tune", *CASE)
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines() == [
        "laplacian_jet forward float32 w=8 d=2 n=5 depth=1: cuda 1.3 ms; "
        "triton 1 ms (rows 64, num_warps 4, num_stages 2)",
        f"written to {rates.user_table()}",
    ]
    (row,) = json.loads(rates.user_table().read_text())["rows"]
    assert (row["device"], row["op"], row["width"], row["d"], row["streams"]) == (
        "NVIDIA H100",
        "laplacian_jet",
        8,
        2,
        5,
    )
    assert (row["cuda"], row["triton"], row["tuning"]) == (1.3, 1.0, TUNED)


def test_what_it_finds_decides(transjet, times, monkeypatch):
    monkeypatch.setattr(rates, "device", lambda: "NVIDIA H100")
    transjet("tune", *CASE)
    request, _ = tuning.prepare(tuning.Case("laplacian_jet", "forward", "float32", 8, 2, 5, 1))
    assert rates.compare(request) == ("triton", "measured 1.3 times as fast as cuda at w=8, d=2 on NVIDIA H100")


def test_all_combinations_are_measured(transjet, times):
    outcome = transjet(
        "tune", "--op", "gradient_jet", "gram", "--dtype", "float32", "float64", "--width", 8, "--dim", 2,
        "--points", 5, "--depth", 1, "--repeats", 3, "--candidates", 2,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    cases = [("gradient_jet", role) for role in ("forward", "tangent", "cotangent")] + [("gram", "forward")]
    expected = {(op, role, dtype, 3, 2) for op, role in cases for dtype in ("float32", "float64")}
    assert len(times["asked"]) == len(expected) and set(times["asked"]) == expected
    assert len(rates.rows()) == len(expected)


def test_a_dry_run_writes_nothing(transjet, times):
    assert transjet("tune", *CASE, "--dry-run").out.splitlines()[-1] == "nothing was written"
    assert not rates.user_table().exists()


def test_what_cannot_run_is_said_and_leaves_no_row(transjet, times):
    times |= {"cuda": Timing(None, "no kernel"), "triton": Timing(None, "no triton")}
    outcome = transjet("tune", *CASE)
    assert outcome.code == 0
    assert "cuda cannot run (no kernel); triton cannot run (no triton)" in outcome.out
    assert outcome.out.splitlines()[-1] == "nothing was written"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--repeats", "0"], "error: --repeats: expected one or more; got 0"),
        (["--candidates", "-1"], "error: --candidates: expected one or more; got -1"),
        (["--op", "null"], "error: tune: op: expected one of"),
        (["--width", "0"], "error: tune: expected sizes of one or more; got 0"),
    ],
)
def test_options_are_checked(transjet, times, words, message):
    outcome = transjet("tune", *words)
    assert outcome.code == 2 and outcome.err.startswith(message)
    assert times["asked"] == []


def test_an_unwritable_cache_is_an_error_in_words(transjet, times, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TRANSJET_CACHE", str(tmp_path / "file"))
    outcome = transjet("tune", *CASE)
    assert outcome.code == 2 and "rates.json cannot be written" in outcome.err
