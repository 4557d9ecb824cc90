"""`transjet run`: what it leaves behind, that it is reproducible, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from transjet import metrics, targets
from transjet.cli.record import open_run
from transjet.io import RunFolder, read_meta

TIMINGS = {"seconds", "seconds_sampling"}
FIGURES = ("ess", "log_z", "elbo")


def same_figures(one: Path, other: Path) -> bool:
    """Whether two runs agree in all but the time they took."""
    first, second = (RunFolder(path).read_metrics() for path in (one, other))
    return {k: v for k, v in first.items() if k not in TIMINGS} == {k: v for k, v in second.items() if k not in TIMINGS}


def test_a_run_leaves_everything_in_its_folder(finished):
    names = {path.name for path in finished.iterdir() if not path.name.startswith(".")}
    assert names == {
        "config.toml", "metrics.json", "samples.npz", "history.csv", "checkpoint",
        "density.png", "training.png", "modes.png",
    }  # fmt: skip
    assert all((finished / name).read_bytes()[:4] == b"\x89PNG" for name in names if name.endswith(".png"))
    assert sorted(path.name for path in (finished / "checkpoint").iterdir()) == [
        "best.ckpt", "iteration-00000002.ckpt", "iteration-00000004.ckpt", "iteration-00000006.ckpt",
    ]  # fmt: skip


def test_the_figures_are_those_of_the_samples(finished):
    run = RunFolder(finished)
    x, log_weights, log_q = run.read_samples()
    assert (x.shape, log_weights.shape, x.dtype) == ((256, 1), (256,), np.float32)
    log_rho = jax.vmap(targets.get("double-well").log_density)(x)
    np.testing.assert_allclose(log_weights, log_rho - log_q, rtol=1e-5, atol=1e-5)
    figures = run.read_metrics()
    for name in FIGURES:
        estimate = getattr(metrics, name)(log_weights)
        assert (figures[name], figures[f"{name}_std_error"]) == pytest.approx(tuple(estimate), rel=1e-12)
    assert figures["log_z_error"] == pytest.approx(figures["log_z"] - 0.293002, abs=1e-6)
    left = float(np.mean(targets.get("double-well").assign_modes(x) == 0))
    assert figures["mode_weights"] == pytest.approx([left, 1 - left])
    assert len(figures["mode_weights_std_error"]) == len(figures["mode_weights_reweighted"]) == 2


def test_metrics_are_flat_strict_and_say_where_they_come_from(finished):
    figures = json.loads((finished / "metrics.json").read_text(), parse_constant=pytest.fail)
    assert (figures["target"], figures["seed"], figures["n"], figures["iterations"]) == ("double-well", 5, 256, 6)
    assert figures["nonfinite"] == []
    assert not any(isinstance(value, dict) for value in figures.values())
    reasons = [figures[f"rejected_{r}"] for r in ("nonfinite_residual", "nonfinite_direction", "no_descent")]
    assert figures["rejected"] == sum(reasons) == sum(RunFolder(finished).read_history()["accepted"] == 0)
    assert figures["seconds"] > 0 and figures["seconds_sampling"] > 0
    assert f"jax {jax.__version__}" in figures["versions"] and "transjet 0" in figures["versions"]
    assert "cores" in figures["hardware"] and "cpu" in figures["hardware"]


def test_evaluations_of_the_target_are_counted_by_purpose(finished):
    figures, history = RunFolder(finished).read_metrics(), RunFolder(finished).read_history()
    told = {name: figures[f"evaluations_{name}"] for name in ("training", "scores", "monitor", "samples")}
    assert told == {"training": 6 * 64, "scores": 2 * 64, "monitor": 2 * 3 * 64, "samples": 256}
    assert (figures["evaluations"], figures["gradient_evaluations"]) == (sum(told.values()), 12 * 64)
    assert history["evaluations"].tolist() == [64, 128, 256, 512, 576, 704], "the monitor's come after the row"
    assert history["gradients"].tolist() == [64, 128, 192, 448, 512, 576]


def test_history_and_checkpoints_tell_the_same_story(finished):
    run, record = open_run(finished)
    history = run.read_history()
    assert history["iteration"].tolist() == [1, 2, 3, 4, 5, 6]
    assert np.isfinite(history["ess"]).tolist() == [False, False, True] * 2
    assert (np.diff(history["seconds"]) > 0).all()
    latest, best = (read_meta(run.checkpoint / name) for name in ("iteration-00000006.ckpt", "best.ckpt"))
    scores = np.log(history["ess"]) + history["log_z"]
    assert latest["score"] == best["score"] == pytest.approx(np.nanmax(scores), rel=1e-5)
    assert latest["iteration"] == 6 and latest["record"] == record.to_dict()
    assert latest["seconds"] == run.read_metrics()["seconds"] >= history["seconds"][-1]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(transjet, tiny, finished, tmp_path):
    for seed in (5, 6):
        outcome = transjet("run", "double-well", "--seed", seed, "--out", tmp_path / str(seed), "--quiet", *tiny)
        assert outcome == (0, "", "")
    again, other = tmp_path / "5", tmp_path / "6"
    assert (again / "samples.npz").read_bytes() == (finished / "samples.npz").read_bytes()
    assert same_figures(again, finished)
    assert not np.array_equal(RunFolder(other).read_samples().x, RunFolder(finished).read_samples().x)


def test_the_terminal_shows_heading_progress_and_table(transjet, tiny, tmp_path):
    words = ["--no-pictures", "--iterations", 2, *tiny, "--set", "verdict=true"]
    outcome = transjet("run", "double-well", "--out", tmp_path / "run", *words)
    assert outcome.code == 0
    lines = outcome.err.splitlines()
    assert lines[0] == (
        f"double-well, 1-d: continuity, networks 2 x 8 tanh, float32, 2 iterations, seed 0 -> {tmp_path / 'run'}"
    )
    assert "gauss-newton 2/2" in outcome.err and "loss" in outcome.err and "log Z" in outcome.err
    assert "trained 2 iterations in" in outcome.err
    assert lines[-1] == f"results in {tmp_path / 'run'}"
    assert outcome.out.startswith("figure") and "mode weight 0" in outcome.out
    assert "evaluations of the log density (training 128, scores 64, monitor 192, samples 256, verdict " in outcome.out
    figures = RunFolder(tmp_path / "run").read_metrics()
    assert f"verdict: {figures['verdict']}" in outcome.out and len(figures["verdict_reasons"]) > 0
    assert all(reason in outcome.out for reason in figures["verdict_reasons"])
    assert figures["verdict_ess"] == pytest.approx(figures["ess"]) and figures["verdict_chains"] == 256
    assert figures["verdict_evaluations"] == figures["evaluations_verdict"]
    assert not list((tmp_path / "run").glob("*.png"))


def test_float64_is_float64_all_the_way_and_stays_inside(transjet, tiny, tmp_path):
    words = ["--dtype", "float64", "--samples", 33, "--iterations", 1, "--no-pictures", "--quiet"]
    words += ["--set", "plan.0.optimiser=adam"]
    assert transjet("run", "double-well", "--out", tmp_path / "run", *tiny, *words).code == 0
    samples = RunFolder(tmp_path / "run").read_samples()
    assert {array.dtype for array in samples} == {np.dtype(np.float64)} and samples.x.shape == (33, 1)
    assert not jax.config.read("jax_enable_x64")
    sampled = transjet("sample", tmp_path / "run", "-n", 5)
    assert sampled.code == 0
    with np.load(tmp_path / "run" / "samples-seed-0.npz") as file:
        assert file["x"].dtype == np.float64


def test_figures_that_are_not_finite_are_named(transjet, finished, monkeypatch):
    def lossy(self, state, key, n=None):
        samples = sample(self, state, key, n)
        samples.log_weights[0] = -np.inf
        return samples

    from transjet import Sampler

    sample = Sampler.sample
    monkeypatch.setattr(Sampler, "sample", lossy)
    assert transjet("run", "--resume", "--out", finished, "--quiet", "--no-pictures").code == 0
    figures = json.loads((finished / "metrics.json").read_text(), parse_constant=pytest.fail)
    assert figures["nonfinite"] == ["elbo", "elbo_std_error"] and figures["elbo"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gmm-gird"], "no target is called 'gmm-gird': did you mean gmm-grid"),
        ([], "expected a target, got none"),
        (["double-well", "--set", "model.widht=3"], "unknown option model.widht; did you mean model.width"),
        (["double-well", "--set", "plan.0.points=many"], "plan.0.points: expected int; got 'many'"),
        (["double-well", "--set", "plan.7.points=3"], "expected plan.PHASE.OPTION with PHASE 0"),
        (["double-well", "--set", "width"], "expected key=value"),
        (["double-well", "--dtype", "float16"], "dtype: expected one of float32, float64; got 'float16'"),
        (["double-well", "--backend", "abacus"], "backend: expected one of auto"),
        (["double-well", "--samples", "0"], "samples: expected a positive number; got 0"),
        (["double-well", "--iterations", "0"], "iterations: expected at least 1; got 0"),
        (["double-well", "--seed", "-1"], "seed: expected an integer from 0 to 2147483647; got -1"),
        (["double-well", "--seed", str(2**31)], "seed: expected an integer from 0"),
        (["double-well", "--config", "absent.toml"], "absent.toml: expected a TOML file, got 'No such file"),
        (["double-well", "--dim", "1"], "--dim: expected the target file.py:function beside it, got double-well"),
    ],
)
def test_bad_words_are_refused_before_anything_is_made(transjet, tmp_path, words, message):
    outcome = transjet("run", *words, "--out", tmp_path / "run")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ") and message in outcome.err and outcome.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_file_of_options_is_overlaid_on_the_recipe(transjet, tiny, finished, tmp_path):
    words = ["--config", finished / "config.toml", "--seed", 5, "--quiet", "--no-pictures"]
    assert transjet("run", "double-well", "--out", tmp_path / "run", *words).code == 0
    assert (tmp_path / "run" / "samples.npz").read_bytes() == (finished / "samples.npz").read_bytes()


@pytest.mark.parametrize("text", ["model = ", "[model]\nwidth = 'wide'", "speed = 3"])
def test_a_bad_file_of_options_is_refused(transjet, tmp_path, text):
    path = tmp_path / "options.toml"
    path.write_text(text)
    outcome = transjet("run", "double-well", "--out", tmp_path / "run", "--config", path)
    assert outcome.code == 2 and outcome.err.startswith("error: ")


def test_a_folder_that_cannot_be_written_to_is_refused_before_training(transjet, tmp_path, monkeypatch):
    monkeypatch.setattr("transjet.train.Trainer.init", lambda *_: pytest.fail("training began"))
    (tmp_path / "file").write_text("in the way")
    outcome = transjet("run", "double-well", "--out", tmp_path / "file" / "run")
    assert outcome.code == 2 and "cannot be written to" in outcome.err


def test_a_folder_with_a_run_is_kept_unless_overwritten(transjet, tiny, finished):
    before = (finished / "metrics.json").read_bytes()
    refused = transjet("run", "double-well", "--out", finished)
    assert refused.code == 2 and "add --resume to go on with it, --overwrite to start over" in refused.err
    assert (finished / "metrics.json").read_bytes() == before
    words = ["--overwrite", "--quiet", "--no-pictures", "--iterations", 2]
    assert transjet("run", "double-well", "--out", finished, *words, *tiny).code == 0
    assert RunFolder(finished).read_metrics()["iterations"] == 2
    assert RunFolder(finished).read_history()["iteration"].tolist() == [1, 2]
    assert not (finished / "density.png").exists()


def test_a_folder_with_other_files_is_refused(transjet, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    outcome = transjet("run", "double-well", "--out", tmp_path)
    assert outcome.code == 2 and "got one with other files" in outcome.err


def test_a_run_that_failed_before_its_first_step_is_in_nobodys_way(transjet, tiny, tmp_path):
    words = ["run", "double-well", "--out", tmp_path / "run", "--quiet", "--no-pictures", "--iterations", 1, *tiny]
    assert transjet(*words, "--backend", "cuda").code == 2
    assert transjet(*words).code == 0
