"""The experiments of the benchmarks: their arms, their budgets, and the pages that are made of their rows."""

import types

import numpy as np
import pytest
from experiments import EXPERIMENTS, budget, flow, page
from experiments.base import Arm, config_of, sampler_of, target_of


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_arm_builds_its_sampler(name):
    arms = EXPERIMENTS[name].arms
    assert len({arm.label for arm in arms}) == len(arms)
    for arm in arms:
        config = config_of(arm, target_of(arm))
        sampler = sampler_of(arm, quick=config.base.kind == "pilot")  # whose pilot would run at once
        assert len(sampler.config.plan) == len(config.plan)
        assert len(arm.shares) in (0, len(sampler.config.plan))
        assert (arm.seconds is None) == (name == "headline")


def test_steps_fill_the_budget_with_their_share_of_scores():
    sampler = types.SimpleNamespace(config=types.SimpleNamespace(score_every=10))
    arm = Arm("made up", "gmm-grid", seconds=20.0, shares=(0.25, 0.75))
    # 15 s are left after compilation: 3.75 s of 0.01 + 0.1 s / 10, and 11.25 s of 0.1 + 0.01 s.
    assert budget._iterations(arm, sampler, 5.0, [0.01, 0.1], 0.1) == [187, 102]
    assert budget._iterations(arm, sampler, 50.0, [0.01, 0.1], 0.1) == [2, 2]


def test_distances_between_drifts_are_relative_to_their_size():
    rows = [{"drift": [[3.0, 0.0], [0.0, 4.0]]}, {"drift": [[3.0, 0.0], [0.0, -4.0]]}, {"error": "made up"}]
    assert flow.drift_distance(rows) == pytest.approx(np.sqrt(2 * 64 / 50))
    assert flow.drift_distance(rows[:1]) is None


def test_the_time_of_a_crossing_is_interpolated():
    assert flow._crossing([0.0, 0.5, 1.0], [0.0, 0.25, 0.75]) == 0.75
    assert flow._crossing([0.0, 0.5, 1.0], [0.0, 0.25, 0.4]) is None


def test_a_page_shows_means_worst_seeds_and_failures_and_keeps_what_is_written_by_hand(tmp_path):
    experiment = EXPERIMENTS["annealing"]
    profile = {"t": [0.0, 1.0], "density": [0.0, 1.0], "particles": [0.0, 0.9], "coverage": [0.8, 1.0]}
    point = {"iteration": 7, "cpu_seconds": 2.0}

    def row(arm, seed, **figures):
        return {"arm": arm, "seed": seed, "curve": [point | figures], "emergence": profile}

    results = {
        "machine": dict.fromkeys(("processor", "instruction set", "jax", "jaxlib", "numpy"), "made up"),
        "rows": [
            row("free", 0, ess=0.5, log_z_error=-0.2),
            row("free", 1, ess=0.7, log_z_error=0.1),
            {"arm": "mixture", "seed": 0, "error": "made-up error"},
            row("dilated", 0, failed="lost") | {"stopped": "all samples lost"},
        ],
    }
    docs = tmp_path / "docs"
    page.write(experiment, results, tmp_path / "annealing.csv", docs)
    path = docs / "annealing.md"
    path.write_text(path.read_text() + "Use the free path.\n")
    page.write(experiment, results, tmp_path / "annealing.csv", docs)
    text = path.read_text()
    assert "| free | 0.6 ± 0.1 (0.5) | 0.15 ± 0.05 (0.2) |" in text
    assert "| mixture |  |  |  |  |  |  | 1 | 1 |" in text
    assert "* mixture, seed 0: failed: made-up error" in text
    assert "* dilated, seed 0: failed after 7 steps: all samples lost" in text
    assert text.endswith("Use the free path.\n") and text.count(page.END) == 1
    assert (tmp_path / "annealing.csv").read_text().splitlines()[1].startswith("free,0,7,2.0,,,0.5")
    assert (docs / "annealing.png").stat().st_size > 0
