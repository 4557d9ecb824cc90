"""`transjet eval`: figures on fresh samples."""

from __future__ import annotations

import json

import pytest

from transjet.io import RunFolder


def figures(path):
    return json.loads((path / "eval.json").read_text(), parse_constant=pytest.fail)


def test_fresh_figures_are_shown_and_written_and_leave_the_run_alone(transjet, finished):
    before = (finished / "metrics.json").read_bytes()
    outcome = transjet("eval", finished, "-n", 300, "--seed", 3)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("figure") and "300" in outcome.out
    plain = figures(finished)
    assert (plain["n"], plain["seed"], plain["run_seed"], plain["checkpoint"]) == (300, 3, 5, "best")
    assert f"{plain['ess']:.5g}" in outcome.out and plain["sinkhorn"] is None
    own = RunFolder(finished).read_metrics()
    errors = own["log_z_std_error"] + plain["log_z_std_error"]
    assert plain["log_z"] != own["log_z"] and abs(plain["log_z"] - own["log_z"]) < 5 * errors
    assert (finished / "metrics.json").read_bytes() == before


def test_the_same_seed_gives_the_same_figures(transjet, finished):
    seen = []
    for _ in range(2):
        assert transjet("eval", finished, "-n", 64).code == 0
        seen.append({key: value for key, value in figures(finished).items() if key != "seconds"})
    assert seen[0] == seen[1]


def test_distances_from_exact_samples_on_demand(transjet, finished):
    pytest.importorskip("ott")
    outcome = transjet("eval", finished, "-n", 64, "--distances")
    plain = figures(finished)
    assert outcome.code == 0 and "sinkhorn" in outcome.out
    assert plain["sinkhorn"] > 0 and plain["sinkhorn_batch_size"] == 16 and plain["mmd_squared"] is not None


def test_one_sample_is_not_enough(transjet, finished):
    outcome = transjet("eval", finished, "-n", 1)
    assert outcome.code == 2 and "at least 2 samples for a standard error" in outcome.err


def test_overwriting_a_run_removes_the_figures_of_the_old_one(transjet, tiny, finished):
    assert transjet("eval", finished, "-n", 64).code == 0
    assert transjet("sample", finished, "-n", 64).code == 0
    words = ["--overwrite", "--quiet", "--no-pictures", "--iterations", 1]
    assert transjet("run", "double-well", "--out", finished, *words, *tiny).code == 0
    assert not (finished / "eval.json").exists() and not (finished / "samples-seed-0.npz").exists()
