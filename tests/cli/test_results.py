"""Counts in words, and pictures where they can be drawn."""

from __future__ import annotations

import pytest

from transjet.cli import results
from transjet.cli.keys import stream_key, training_key
from transjet.cli.results import pilot_in_words, rejected, rejected_in_words
from transjet.collocation import Pilot, UniformBox
from transjet.optim import Outcome


def test_rejections_in_words_and_numbers():
    counts = {"NONFINITE_RESIDUAL": 1, "NO_DESCENT": 2}
    assert rejected_in_words({}) == "no step rejected"
    assert rejected_in_words(counts) == "3 steps rejected (2 no descent, 1 nonfinite residual)"
    assert rejected(counts) == {
        "rejected": 3, "rejected_nonfinite_residual": 1, "rejected_nonfinite_direction": 0, "rejected_no_descent": 2,
    }  # fmt: skip
    assert len(rejected({})) == len(Outcome)


def test_a_box_that_a_pilot_found_is_told_in_its_coordinates():
    pilot = Pilot(UniformBox((-1.0, 0.0), (2.0, 3.0)), evaluations=70, acceptance=0.5)
    text = pilot_in_words(pilot)
    assert text.startswith("the target has no box; a pilot run found [-1, 2] x [0, 3] with 70 evaluations")
    assert pilot_in_words(pilot, object()).startswith("the target has no box in coordinates of the base; a pilot run")


def test_without_matplotlib_a_run_has_no_pictures_but_all_else(transjet, finished, monkeypatch):
    for path in finished.glob("*.png"):
        path.unlink()
    find = results.find_spec
    monkeypatch.setattr(results, "find_spec", lambda name: None if name == "matplotlib" else find(name))
    outcome = transjet("run", "--resume", "--out", finished)
    assert outcome.code == 0 and "no pictures: matplotlib is not installed" in outcome.err
    assert not list(finished.glob("*.png")) and (finished / "metrics.json").exists()


def test_every_use_of_a_seed_has_a_key_of_its_own():
    import jax

    keys = [training_key(3), *jax.random.split(training_key(3), 3)]
    keys += [stream_key(3, name) for name in ("run", "sample", "eval", "distances", "verdict")]
    assert len({tuple(jax.random.key_data(key).tolist()) for key in keys}) == len(keys)
    with pytest.raises(KeyError):
        stream_key(3, "unheard of")
