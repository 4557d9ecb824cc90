"""The GPU benchmark's bookkeeping: nothing measured is lost, and every goal is held against the better backend."""

import json
import os
import subprocess
import sys

import gpu_figures
import pytest
from gpu_figures import ENDED, NO_TIME, Figures, bad, failure, supervise
from gpu_goals import goals, lines
from report import markdown

from transjet.errors import BackendError

CASE = {"what": "product", "role": "forward", "dtype": "float32", "n": 8, "d": 2, "width": 64}


def took(milliseconds):
    return {"median": milliseconds, "min": milliseconds, "max": milliseconds}


def figures(tmp_path, budget=60.0, **options):
    return Figures(tmp_path / "gpu.json", budget, True, **options)


def on_disk(tmp_path):
    return json.loads((tmp_path / "gpu.json").read_text())["rows"]


def fail(words):
    raise RuntimeError(words)


def test_rows_are_on_disk_at_once_and_failures_do_not_stop_the_others(tmp_path):
    made = figures(tmp_path)
    seen = []
    made.row(lambda: seen.append(on_disk(tmp_path)[-1]) or {"ms": took(1)}, **CASE, backend="cuda")
    assert seen == [{**CASE, "backend": "cuda", "failed": ENDED}], "what a death would leave behind"
    made.row(lambda: fail("no such kernel"), **CASE, backend="triton")
    made.row(lambda: fail("RESOURCE_EXHAUSTED: too large"), **CASE, backend="folx")
    made.row(lambda: fail("RESOURCE_EXHAUSTED: too large"), **CASE, backend="cpu")
    told = {row["backend"]: next(k for k in row if k not in CASE and k != "backend") for row in on_disk(tmp_path)}
    assert told == {"cuda": "ms", "triton": "failed", "folx": "out_of_memory", "cpu": "failed"}
    assert [row["backend"] for row in bad(made.results)] == ["triton", "cpu"]


def test_a_resumed_run_makes_what_is_not_there(tmp_path):
    first = figures(tmp_path)
    first.ceiling("tf32", lambda: {"rate": 3.0})
    first.row(lambda: {"ms": took(1)}, **CASE, backend="cuda")
    first.row(lambda: fail("it is wrong"), **CASE, backend="triton")
    late = figures(tmp_path, budget=-1.0, resume=True)
    late.row(lambda: fail("never begun"), **CASE, backend="xla")
    assert on_disk(tmp_path)[-1] == {**CASE, "backend": "xla", "skipped": NO_TIME}
    again = figures(tmp_path, resume=True)
    again.ceiling("tf32", lambda: fail("it is known"))
    for backend in ("cuda", "triton", "xla"):
        again.row(lambda: {"ms": took(2)}, **CASE, backend=backend)
    assert [row.get("ms", {}).get("median") for row in on_disk(tmp_path)] == [1, None, 2]
    assert again.results["ceilings"] == {"tf32": {"rate": 3.0}}


def test_a_process_whose_device_is_lost_leaves_its_row_and_ends(tmp_path, monkeypatch):
    made, left = figures(tmp_path), []
    monkeypatch.setattr(gpu_figures, "_answers", lambda: False)
    monkeypatch.setattr(os, "_exit", left.append)
    made.row(lambda: fail("CUDA_ERROR_ILLEGAL_ADDRESS"), **CASE, backend="cuda")
    assert left == [gpu_figures.LOST]
    assert "ILLEGAL_ADDRESS; the device no longer answers" in on_disk(tmp_path)[0]["failed"]


def test_a_row_that_never_ends_is_ended(tmp_path):
    program = (
        "import sys, time, pathlib, gpu_figures\n"
        "made = gpu_figures.Figures(pathlib.Path(sys.argv[1]), 60, True)\n"
        "made.row(lambda: time.sleep(60), patience=0.2, what='hangs', backend='cuda')\n"
    )
    folder = os.path.dirname(gpu_figures.__file__)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([folder, *filter(None, sys.path)])}
    command = [sys.executable, "-c", program, str(tmp_path / "gpu.json")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "Timeout" in done.stderr
    assert on_disk(tmp_path) == [{"what": "hangs", "backend": "cuda", "failed": ENDED}]


def test_a_measuring_process_that_dies_is_started_again(tmp_path):
    log = tmp_path / "log"
    program = f"import sys; f = open({str(log)!r}, 'a'); f.write(' '.join(sys.argv[1:]) + '\\n'); f.close()\n"
    program += f"sys.exit(sum(1 for line in open({str(log)!r})) < 3)"
    assert supervise([sys.executable, "-c", program], 60, False)
    words = [line.split() for line in log.read_text().splitlines()]
    assert [line[0] for line in words] == ["--budget"] * 3
    assert [line[2:] for line in words] == [[], ["--resume"], ["--resume"]]


def test_failures_of_ours_are_failures():
    assert failure(RuntimeError("RESOURCE_EXHAUSTED"), "cuda") == {"failed": "RuntimeError: RESOURCE_EXHAUSTED"}
    assert "out_of_memory" in failure(RuntimeError("out of memory"), "xla")
    refused = BackendError("backend='triton' cannot run gram (forward) on cuda: serves layers up to 128 wide, got 200")
    assert failure(refused, "triton") == {"skipped": str(refused)}
    assert "failed" in failure(BackendError("triton cannot compile gram"), "triton")


def test_goals_are_held_against_the_better_backend():
    rows = [
        {**CASE, "backend": "cuda", "ms": took(2), "share": 0.3, "program_mib": 4.0, "wrong": False},
        {**CASE, "backend": "triton", "ms": took(1), "share": 0.6, "program_mib": 8.0, "wrong": False},
        {**CASE, "backend": "xla", "ms": took(1.5), "wrong": False},
        {**CASE, "backend": "folx", "ms": took(7), "program_mib": 100.0, "wrong": False},
        {**CASE, "n": 9, "backend": "cuda", "ms": took(1), "wrong": True},
        {**CASE, "n": 9, "backend": "triton", "failed": "in words"},
        {"what": "memory", "n": 8, "backend": "cuda", "mib": 2.0},
        {"what": "memory", "n": 8, "backend": "folx", "mib": 10.0},
        {"what": "run", "target": "gmm-grid", "backend": "auto", "seconds": 30.0},
        {"what": "step", "n": 8, "backend": "cuda", "ms": took(1)},
    ]
    found = {(goal["goal"], goal["case"].split(",")[0] + goal["case"][-4:]): goal for goal in goals({"rows": rows})}
    assert len(found) == 7
    values = {name: (goal["value"], goal["met"]) for (name, _), goal in found.items() if "value" in goal}
    assert values["share of ceiling"] == (0.6, True)
    assert values["times as fast as folx"] == (7.0, True)
    assert values["times as fast as xla"] == (1.5, False)
    assert found["times less memory than folx", "memorypeak"]["value"] == 5.0
    assert found["times less memory than folx", "producth 64"]["value"] == 12.5
    assert values["seconds to the ESS"] == (30.0, True)
    assert {goal["backend"] for goal in found.values() if goal["case"].startswith("product") and goal["met"]} == {
        "triton"
    }
    text = lines({"rows": rows})
    assert "times as fast as xla (at least 2): 0 of 1 met" in text
    assert "  missed: product, forward, float32, n 8, d 2, width 64: 1.5 by triton" in text
    assert "  missed: product, forward, float32, n 9, d 2, width 64: cuda: wrong; triton: in words" in text


def test_double_precision_has_its_own_goal_and_wide_networks_none_for_their_share():
    double = {**CASE, "dtype": "float64", "ms": took(1), "share": 0.9, "wrong": False}
    rows = [{**double, "backend": "cuda"}, {**double, "backend": "folx", "ms": took(3.5)}]
    rows += [{**row, "dtype": "float32", "width": 256} for row in rows]
    found = {goal["goal"]: goal["met"] for goal in goals({"rows": rows})}
    assert found == {"times as fast as folx in float64": True, "times as fast as folx": False}


def test_goals_and_rivals_without_memory_have_their_lines():
    rows = [
        {**CASE, "backend": "cuda", "ms": took(2), "share": 0.25, "gflops": 1.0, "wrong": False},
        {**CASE, "backend": "folx", "out_of_memory": "RESOURCE_EXHAUSTED"},
    ]
    results = {"kind": "gpu", "machine": {"device": "made-up GPU"}, "date": "made up", "ceilings": {}, "rows": rows}
    text = markdown(results | {"goals": goals(results)}).splitlines()
    assert "| share of ceiling | product, forward, float32, n 8, d 2, width 64 | cuda | 0.25 | 0.4 | no |" in text
    assert "| forward | float32 | 8 | 2 | 64 | 2 | out of memory | 1 (25 %) |  |" in text
    assert "| product, forward, float32, 8, 2, 64, folx | out of memory: RESOURCE_EXHAUSTED |" in text


@pytest.mark.parametrize("row", [{"not_reached": "best ESS 0.5"}, {"skipped": NO_TIME}, {"failed": "in words"}])
def test_a_run_that_falls_short_is_a_goal_missed(row):
    (goal,) = goals({"rows": [{"what": "run", "target": "gmm-grid", "backend": "auto", **row}]})
    assert not goal["met"] and goal["why"] == next(iter(row.values()))
