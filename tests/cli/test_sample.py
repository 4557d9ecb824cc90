"""`transjet sample`: more samples from a run."""

from __future__ import annotations

import shutil

import jax
import numpy as np
import pytest

from transjet import targets
from transjet.io import RunFolder, Samples


def read(path):
    with np.load(path) as file:
        return Samples(file["x"], file["log_weights"], file["log_q"])


def test_samples_are_weighted_and_written_beside_the_run(transjet, finished):
    before = (finished / "samples.npz").read_bytes()
    outcome = transjet("sample", finished, "-n", 33, "--seed", 2)
    path = finished / "samples-seed-2.npz"
    assert outcome.code == 0 and outcome.err == ""
    assert outcome.out.startswith(f"{path}: 33 samples, ESS 0.") and "log Z" in outcome.out
    samples = read(path)
    assert samples.x.shape == (33, 1) and samples.log_q.shape == (33,)
    log_rho = jax.vmap(targets.get("double-well").log_density)(samples.x)
    np.testing.assert_allclose(samples.log_weights, log_rho - samples.log_q, rtol=1e-5, atol=1e-5)
    assert (finished / "samples.npz").read_bytes() == before


def test_one_sample_is_enough(transjet, finished, tmp_path):
    outcome = transjet("sample", finished, "-n", 1, "--out", tmp_path / "one.npz")
    assert outcome == (0, f"{tmp_path / 'one.npz'}: 1 sample\n", "")
    assert read(tmp_path / "one.npz").x.shape == (1, 1)


def test_a_seed_gives_the_same_samples_and_none_of_the_runs_own(transjet, finished, tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        assert transjet("sample", finished, "--seed", seed, "--out", tmp_path / f"deep/{name}.npz").code == 0
    a, b, c = ((tmp_path / "deep" / f"{name}.npz") for name in "abc")
    assert a.read_bytes() == b.read_bytes()
    own = RunFolder(finished).read_samples().x
    assert len(np.intersect1d(own, read(a).x)) == 0 and len(np.intersect1d(read(a).x, read(c).x)) == 0
    assert read(a).x.shape == own.shape


def test_best_and_latest_are_other_parameters(transjet, finished, tmp_path):
    history = RunFolder(finished).read_history()
    assert np.nanargmax(history["ess"]) == 2, "with this seed, the first of two scores is the better one"
    for which in ("best", "latest"):
        assert transjet("sample", finished, "--checkpoint", which, "--out", tmp_path / which).code == 0
    assert not np.array_equal(read(tmp_path / "best").x, read(tmp_path / "latest").x)


@pytest.mark.parametrize("kind", ["systematic", "independence-mh"])
def test_samples_of_equal_weight(transjet, finished, tmp_path, kind):
    outcome = transjet("sample", finished, "-n", 300, "--unweighted", kind, "--out", tmp_path / "even.npz")
    assert outcome.code == 0 and "ESS 0." in outcome.out, "the figures are those of the weighted samples"
    assert f"of equal weight by {kind}: 0." in outcome.out
    assert ("acceptance 0." in outcome.out) == (kind == "independence-mh")
    samples = read(tmp_path / "even.npz")
    assert samples.x.shape == (300, 1) and np.ptp(samples.log_weights) == 0
    assert len(np.unique(samples.x)) < 300


def test_a_folder_that_was_moved_still_samples(transjet, finished, tmp_path):
    moved = shutil.move(finished, tmp_path / "elsewhere")
    assert transjet("sample", moved, "-n", 9).code == 0


def test_latest_serves_where_nothing_was_scored_yet(transjet, tiny, tmp_path):
    path, words = tmp_path / "run", ["--quiet", "--no-pictures"]
    assert transjet("run", "double-well", "--out", path, "--iterations", 1, *words, *tiny).code == 0
    (path / "checkpoint" / "best.ckpt").unlink()
    outcome = transjet("sample", path)
    assert outcome.code == 2 and "expected a best checkpoint, got none" in outcome.err
    assert transjet("sample", path, "--checkpoint", "latest", "-n", 5).code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-n", "0"], "expected n and batch of at least 1; got 0"),
        (["--seed", "-3"], "seed: expected an integer from 0"),
        (["--out", "file/x.npz"], "cannot be written to"),
        (["--out", "."], "--out: expected a file, got the folder ."),
    ],
)
def test_bad_words(transjet, finished, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    outcome = transjet("sample", finished, *words)
    assert outcome.code == 2 and outcome.err.startswith("error: ") and message in outcome.err


@pytest.mark.parametrize("command", ["sample", "eval"])
def test_a_folder_without_a_run(transjet, tmp_path, command):
    outcome = transjet(command, tmp_path)
    assert outcome.code == 2 and "expected the config of a run" in outcome.err


@pytest.mark.parametrize("command", ["sample", "eval"])
def test_damaged_and_missing_checkpoints(transjet, finished, command):
    best = finished / "checkpoint" / "best.ckpt"
    data = best.read_bytes()
    best.write_bytes(data[:-1])
    outcome = transjet(command, finished)
    assert outcome.code == 2 and "best.ckpt is damaged" in outcome.err
    assert "the newest good one beside it is" in outcome.err and "iteration-00000006.ckpt" in outcome.err
    best.write_bytes(data)
    config = (finished / "config.toml").read_text()
    (finished / "config.toml").write_text(config.replace("width = 8", "width = 9"))
    outcome = transjet(command, finished)
    assert outcome.code == 2 and "load it with the options that it was written with" in outcome.err
