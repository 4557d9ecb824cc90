"""The run folder: what it accepts, writes, reads, removes."""

from __future__ import annotations

import os

import numpy as np
import pytest

from transjet.errors import CheckpointError, ConfigError, OutputError, ShapeError
from transjet.io import RunFolder


def filled(path) -> RunFolder:
    run = RunFolder.create(path)
    run.write_config({"target": "gmm-grid", "seed": 1, "network": {"widths": [8, 8]}})
    run.write_metrics({"ess": 0.5, "log_z": float("nan")})
    run.write_samples(np.ones((5, 2)), np.zeros(5), np.ones(5))
    run.append_history([{"iteration": 0, "loss": 2.0}, {"iteration": 1, "loss": 1.0}])
    run.checkpoints().save(1, {"w": np.ones(3)}, meta={})
    (run.path / "density.png").write_bytes(b"png")
    return run


def test_everything_comes_back(tmp_path):
    run = RunFolder(filled(tmp_path / "run").path)
    assert run.read_config() == {"target": "gmm-grid", "seed": 1, "network": {"widths": [8, 8]}}
    assert run.read_metrics() == {"ess": 0.5, "log_z": None, "nonfinite": ["log_z"]}
    samples = run.read_samples()
    np.testing.assert_array_equal(samples.x, np.ones((5, 2)))
    np.testing.assert_array_equal(samples.log_weights, np.zeros(5))
    np.testing.assert_array_equal(samples.log_q, np.ones(5))
    np.testing.assert_array_equal(run.read_history()["loss"], [2.0, 1.0])
    run.truncate_history(0)
    np.testing.assert_array_equal(run.read_history()["loss"], [2.0])
    assert run.checkpoints().restore({"w": np.zeros(3)})[1]["iteration"] == 1
    assert {p.name for p in run.path.iterdir() if not p.name.startswith(".")} == {
        "config.toml", "metrics.json", "samples.npz", "history.csv", "checkpoint", "density.png"
    }  # fmt: skip


def test_samples_keep_dtype_and_bits(tmp_path):
    run = RunFolder.create(tmp_path)
    x = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    log_w = np.array([0, np.nan, -np.inf, np.inf, 1, 2, 3], np.float32)
    run.write_samples(x, log_w, np.zeros(7))
    samples = run.read_samples()
    assert samples.x.dtype == samples.log_weights.dtype == np.float32
    assert samples.x.tobytes() == x.tobytes()
    assert samples.log_weights.tobytes() == log_w.tobytes()


def test_a_run_may_be_opened_again_and_keeps_its_results(tmp_path):
    filled(tmp_path)
    again = RunFolder.create(tmp_path)
    assert again.is_run()
    assert again.read_metrics()["ess"] == 0.5


def test_overwrite_removes_the_results_and_nothing_else(tmp_path):
    run = filled(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (run.checkpoint / "notes.txt").write_text("mine")
    again = RunFolder.create(tmp_path, overwrite=True)
    assert again.is_run()
    assert sorted(p.name for p in tmp_path.iterdir()) == [".transjet-run", "checkpoint", "notes.txt"]
    assert [p.name for p in run.checkpoint.iterdir()] == ["notes.txt"]


def test_a_folder_of_something_else_is_refused_unless_asked(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="got one with other files; choose another, or ask to overwrite"):
        RunFolder.create(tmp_path)
    assert not RunFolder(tmp_path).is_run()
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
    RunFolder.create(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_run_that_was_killed_before_its_marker_can_be_made(tmp_path):
    (tmp_path / ".config.toml.0123.transjet-tmp").write_bytes(b"half")
    assert RunFolder.create(tmp_path).is_run()


def test_an_unwritable_folder_is_refused_at_once(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written to"):
        RunFolder.create(tmp_path / "file" / "run")


@pytest.mark.parametrize("shapes", [((5,), (5,), (5,)), ((5, 2), (4,), (5,)), ((5, 2), (5,), (5, 1))])
def test_samples_that_do_not_fit_are_refused(tmp_path, shapes):
    run = RunFolder.create(tmp_path)
    with pytest.raises(ShapeError, match=r"expected x \(n, dim\)"):
        run.write_samples(*map(np.zeros, shapes))
    assert not run.samples.exists()


@pytest.mark.parametrize("damage", [None, b"", b"PK\x03\x04 not a zip", b"text"])
def test_missing_and_damaged_files_are_typed_errors(tmp_path, damage):
    run = RunFolder.create(tmp_path)
    if damage is not None:
        for path in (run.samples, run.metrics):
            path.write_bytes(damage)
        run.config.write_bytes(b"= broken")
    with pytest.raises(CheckpointError, match="the samples of a run"):
        run.read_samples()
    with pytest.raises(CheckpointError, match="the metrics of a run"):
        run.read_metrics()
    with pytest.raises(ConfigError, match=r"config\.toml: expected"):
        run.read_config()


def test_samples_cut_short_are_caught(tmp_path):
    run = filled(tmp_path)
    data = run.samples.read_bytes()
    for length in range(0, len(data) - 1, 41):
        run.samples.write_bytes(data[:length])
        with pytest.raises(CheckpointError):
            run.read_samples()


def test_a_failing_write_keeps_the_old_results(tmp_path, monkeypatch):
    run = filled(tmp_path)

    def fail(source, destination):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    for write in (
        lambda: run.write_metrics({"ess": 0.9}),
        lambda: run.write_config({}),
        lambda: run.write_samples(np.zeros((1, 1)), np.zeros(1), np.zeros(1)),
    ):
        with pytest.raises(OutputError, match="No space left"):
            write()
    monkeypatch.undo()
    assert run.read_metrics()["ess"] == 0.5
    assert run.read_config()["seed"] == 1
    assert run.read_samples().x.shape == (5, 2)
