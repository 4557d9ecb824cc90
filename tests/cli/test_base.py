"""Runs that start from the base of a pilot: it is kept, read back instead of found anew, and counted."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.cli.checkpoints import read_for_sampling
from transjet.cli.keys import stream_key
from transjet.cli.record import open_run
from transjet.cli.results import base_figures, base_in_words
from transjet.cli.samplers import sampler_of
from transjet.io import RunFolder
from transjet.paths import MixturePrior
from transjet.pilot.stored import from_arrays
from transjet.sampler import Sampler
from transjet.train import Trainer


@pytest.fixture
def no_pilot(monkeypatch):
    """Fail where a pilot runs, which need not find the same again."""
    monkeypatch.setattr("transjet.sampler_base.build_base", lambda *_: pytest.fail("a pilot ran"))


def stored(path):
    return from_arrays(RunFolder(path).read_base(), 1)


def test_a_run_keeps_its_base_and_tells_what_it_took(piloted):
    base, figures = stored(piloted), RunFolder(piloted).read_metrics()
    assert 0 < base.evaluations and "pilot_box" not in figures
    assert figures["evaluations_pilot"] == figures["base_evaluations"] == base.evaluations
    assert figures["gradient_evaluations"] == base.evaluations + 12 * 64, "the rest is training's and the monitor's"
    assert figures["base_ess"] == base.ess and figures["base_log_z"] == base.log_z and 0.1 < base.ess <= 1
    assert figures["base_components"] == len(base.prior.means) and figures["base_modes_added"] >= 0
    assert figures["nonfinite"] == []


def test_more_samples_are_those_of_the_stored_base(transjet, piloted, no_pilot):
    run, record = open_run(piloted)
    sampler = Sampler(record.spec.load(), record.config, stored(piloted))
    state = read_for_sampling(run, sampler, "best")
    assert transjet("sample", piloted, "-n", 40, "--seed", 4).code == 0
    with np.load(piloted / "samples-seed-4.npz") as file:
        for name, values in sampler.sample(state, stream_key(4, "sample"), 40)._asdict().items():
            np.testing.assert_array_equal(file[name], values)
    own = sampler.sample(state, stream_key(record.seed, "run"))
    np.testing.assert_array_equal(run.read_samples().x, own.x, "as did the run itself, with the base in memory")


def test_figures_of_fresh_samples(transjet, piloted, no_pilot):
    assert transjet("eval", piloted, "-n", 40).code == 0
    assert (piloted / "eval.json").exists()


def test_a_run_stopped_before_its_first_step_goes_on_from_its_base(
    transjet, with_pilot, piloted, tmp_path, monkeypatch
):
    def stop(*_, **__):
        raise KeyboardInterrupt

    path, words = tmp_path / "run", ["--no-pictures"]
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stop)
        patch.setattr(Sampler, "run", stop)
        first = transjet("run", "double-well", "--out", path, *words, *with_pilot)
    assert first.code == 130 and (path / "base.npz").read_bytes() == (piloted / "base.npz").read_bytes()
    assert first.err.startswith("a pilot run looks for the target\ndouble-well")
    monkeypatch.setattr("transjet.sampler_base.build_base", lambda *_: pytest.fail("a pilot ran"))
    again = transjet("run", "--resume", "--out", path, *words)
    assert again.code == 0 and base_in_words(stored(path)) in again.err and "looks for" not in again.err
    assert (path / "samples.npz").read_bytes() == (piloted / "samples.npz").read_bytes()
    figures, expected = RunFolder(path).read_metrics(), RunFolder(piloted).read_metrics()
    for name in ("evaluations", "evaluations_pilot", "base_log_z"):
        assert figures[name] == expected[name]


def test_a_finished_run_resumed_counts_its_pilot_once(transjet, piloted, no_pilot):
    before, data = RunFolder(piloted).read_metrics(), (piloted / "base.npz").read_bytes()
    assert transjet("run", "--resume", "--out", piloted, "--quiet", "--no-pictures").code == 0
    assert RunFolder(piloted).read_metrics()["evaluations"] == before["evaluations"]
    assert (piloted / "base.npz").read_bytes() == data


@pytest.mark.parametrize("words", [["run", "--resume", "--out"], ["sample"], ["eval"]])
@pytest.mark.parametrize("damage", ["missing", "cut", "of another target"])
def test_a_base_that_cannot_be_used_is_no_reason_to_look_for_another(transjet, piloted, no_pilot, words, damage):
    path = piloted / "base.npz"
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-30])
    else:
        np.savez(path, **RunFolder(piloted).read_base() | {"chart.shifts": np.zeros((1, 2))})
    outcome = transjet(*words, piloted)
    expected = (
        "expected chart.shifts of shape (1, 1); got (1, 2)"
        if "of" in damage
        else f"{path}: expected the base that a run's"
    )
    assert outcome.code == 2 and expected in outcome.err
    assert f"put {path} back as the run wrote it, or start over by `transjet run --overwrite`" in outcome.err


@pytest.mark.parametrize("words", [["run", "--resume", "--out"], ["sample"], ["eval"]])
def test_the_base_of_another_run_of_as_many_dimensions_is_refused(transjet, piloted, no_pilot, words):
    arrays = RunFolder(piloted).read_base()
    RunFolder(piloted).write_base(arrays | {"chart.shifts": arrays["chart.shifts"] + 1e-6})
    outcome = transjet(*words, piloted)
    assert outcome.code == 2 and "trained on the base in base.npz, got those of another" in outcome.err
    assert "away to resume" not in outcome.err, "all checkpoints have the same base"


def test_starting_over_without_a_pilot_removes_the_base(transjet, tiny, piloted):
    words = ["--overwrite", "--quiet", "--no-pictures", "--iterations", 1, *tiny]
    assert transjet("run", "double-well", "--out", piloted, *words).code == 0
    assert not (piloted / "base.npz").exists()
    assert not any(name.startswith("base_") for name in RunFolder(piloted).read_metrics())


def test_a_folder_that_cannot_take_the_run_is_refused_before_the_pilot(
    transjet, with_pilot, piloted, tmp_path, no_pilot
):
    refused = transjet("run", "double-well", "--out", piloted, *with_pilot)
    assert refused.code == 2 and "got one that has a run" in refused.err
    (tmp_path / "file").write_text("in the way")
    refused = transjet("run", "double-well", "--out", tmp_path / "file" / "run", *with_pilot)
    assert refused.code == 2 and "cannot be written to" in refused.err


def test_precision_is_that_of_the_configuration_only_while_the_sampler_is_in_use(finished):
    with sampler_of(*open_run(finished)) as sampler:
        assert sampler.base is None and not jax.config.read("jax_enable_x64")


@pytest.mark.parametrize(
    ("dof", "words", "figure"),
    [(np.inf, "Gaussian, of 2 components", None), (8.0, "of Student's t with 8 degrees of freedom, of 2", 8.0)],
)
def test_a_base_in_words_and_figures(dof, words, figure):
    prior = MixturePrior(*(jnp.zeros((2, *shape)) for shape in ((), (1,), (1, 1), (1, 1))), jnp.asarray(dof))
    base = SimpleNamespace(prior=prior, ess=0.5, log_z=-1.25, evaluations=12345, figures={"modes_added": 1, "dof": dof})
    text = base_in_words(base)
    assert words in text and "ESS 0.5, log Z -1.25" in text and text.count("\n") == 1
    assert "1 mode added" in text and "12,345 evaluations" in text
    assert base_figures(base) == {
        "base_modes_added": 1, "base_dof": figure, "base_ess": 0.5, "base_log_z": -1.25, "base_evaluations": 12345,
        "base_components": 2,
    }  # fmt: skip
    assert base_figures(None) == {}
