"""Every failure signature on records that show it, and on records that nearly do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from transjet.diagnostics import REMEDIES, Monitor
from transjet.diagnostics.scores import SIGNATURES as OF_SCORES
from transjet.diagnostics.steps import SIGNATURES as OF_STEPS
from transjet.train import Record

NAN = float("nan")
GOOD = Record(1, 0.0, 1e-4, 1e-2, 1.0, 1e-3, 1, NAN, NAN, NAN)


def steps(*changes: dict[str, Any], before: int = 30) -> list[str]:
    """Names found in good steps followed by changed ones."""
    monitor = Monitor(100)
    for k, change in enumerate(({},) * before + changes, 1):
        monitor.observe(GOOD._replace(iteration=k, **change))
    return [finding.name for finding in monitor.findings]


def scores(*figures: dict[str, float], progress: float = 0.4) -> list[str]:
    monitor = Monitor(1000)
    for k, score in enumerate(figures):
        done = int(1000 * progress) - 10 * (len(figures) - k - 1)
        monitor.score(GOOD._replace(iteration=done), score)
    return [finding.name for finding in monitor.findings]


def test_every_signature_has_a_remedy() -> None:
    assert set(REMEDIES) == {*OF_STEPS, *OF_SCORES}


def test_a_good_run_has_no_findings() -> None:
    assert steps(*[{"residual_rms": 0.01 * 0.9**k} for k in range(60)]) == []
    good = {"ess": 0.9, "log_z": 0.0, "log_z_std_error": 0.01, "pareto_k": 0.2, "coverage": 0.99}
    assert scores(*[good | {"residual_train": 1e-2, "residual_held_out": 1.2e-2, "residual_on_flow": 3e-2}] * 5) == []


@pytest.mark.parametrize(
    ("bad", "count", "name"),
    [
        ({"residual_rms": NAN, "loss": float("inf"), "accepted": 0, "step_size": 0.0}, 1, "nonfinite residual"),
        ({"residual_rms": 1.0}, 10, "residual explosion"),
        ({"damping": 1.0}, 20, "damping runaway"),
        ({"step_size": 0.01}, 15, "short steps"),
        ({"accepted": 0, "step_size": 0.0}, 10, "rejected steps"),
    ],
)
def test_steps(bad: dict[str, Any], count: int, name: str) -> None:
    assert name in steps(*[bad] * count)
    assert set(steps(*[bad] * count)) <= {name}
    if count > 1:
        assert steps(*[bad] * (count // 2)) == [] or name == "damping runaway"


def test_a_single_bad_batch_is_no_explosion() -> None:
    assert steps({"residual_rms": 50.0}, {}, {}, {"residual_rms": 9.0}, {}) == []


def test_small_steps_of_another_optimiser_are_not_gauss_newtons() -> None:
    adam = {"damping": 0.0, "step_size": 0.001}
    assert steps(*[adam] * 40) == []
    assert steps(*[adam] * 40, *[{"residual_rms": 0.9}] * 40, before=0) == []  # a phase is not judged by the one before


@pytest.mark.parametrize(
    ("good", "bad", "name"),
    [
        (
            {"residual_train": 1.0, "residual_held_out": 2.0},
            {"residual_train": 1.0, "residual_held_out": 3.5},
            "overfitting",
        ),
        (
            {"residual_held_out": 1.0, "residual_on_flow": 4.0},
            {"residual_held_out": 1.0, "residual_on_flow": 6.0},
            "points miss the flow",
        ),
        ({"coverage": 0.98}, {"coverage": 0.7}, "mode collapse"),
        (
            {"ess": 0.9, "log_z": 0.01, "log_z_std_error": 0.02},
            {"ess": 0.95, "log_z": -0.3, "log_z_std_error": 0.01},
            "mode collapse",
        ),
    ],
)
def test_scores_that_fail_twice(good: dict[str, float], bad: dict[str, float], name: str) -> None:
    assert scores(good, good, bad, bad) == [name]
    assert scores(good, good, good, bad) == []
    assert scores(good, bad, good, bad) == []


def test_residuals_that_are_small_everywhere_are_no_overfitting() -> None:
    assert scores(*[{"residual_train": 0.04, "residual_held_out": 0.15}] * 3) == []
    assert scores(*[{"residual_train": 0.1, "residual_held_out": 0.35}] * 3) == ["overfitting"]


def test_a_log_z_that_is_uncertain_has_not_fallen() -> None:
    start = {"ess": 0.15, "log_z": 0.4, "log_z_std_error": 0.2}
    assert scores(start, start, *[{"ess": 0.9, "log_z": 0.0, "log_z_std_error": 0.01}] * 2) == []
    poor = {"ess": 0.01, "log_z": 3.0, "log_z_std_error": 0.0}
    assert scores(poor, poor, *[{"ess": 0.9, "log_z": 0.0, "log_z_std_error": 0.01}] * 2) == []


@pytest.mark.parametrize("bad", [{"ess": 0.5, "pareto_k": 0.9}, {"ess": 0.01, "pareto_k": 0.3}])
def test_degenerate_weights_are_a_finding_after_half_of_the_plan(bad: dict[str, float]) -> None:
    assert scores(bad, progress=0.4) == []
    assert scores(bad, progress=0.6) == ["weight degeneracy"]


def test_a_finding_is_told_once_with_evidence_and_remedy() -> None:
    told: list[Any] = []
    monitor = Monitor(100, told.append)
    for k in range(1, 6):
        monitor.observe(GOOD._replace(iteration=k, residual_rms=NAN, accepted=0))
    (finding,) = told
    assert monitor.findings == told
    assert (finding.name, finding.iteration) == ("nonfinite residual", 1)
    assert "in 1 of the last 1 steps" in finding.evidence
    assert REMEDIES["nonfinite residual"] in str(finding)
    assert monitor.to_json() == [finding._asdict()]


def test_a_long_run_is_remembered_back_to_its_first_damping_and_best_residuals() -> None:
    monitor = Monitor(1000)
    for k in range(1, 700):
        monitor.observe(GOOD._replace(iteration=k, damping=1e-3 if k < 600 else 0.2))
        if k in (199, 200, 201, 500):
            assert len(monitor._records) == min(k, 200)
    assert [finding.name for finding in monitor.findings] == ["damping runaway"]


def test_a_monitor_goes_on_from_what_it_remembers() -> None:
    whole, first, told = Monitor(100), Monitor(100), []
    records = [GOOD._replace(iteration=k, step_size=0.01 if k > 20 else 1.0) for k in range(1, 41)]
    for monitor in (whole, first):
        for record in records[:30]:
            monitor.observe(record)
        monitor.score(records[29], {"ess": 0.01, "log_z": NAN, "coverage": 0.98})
    memory = json.loads(json.dumps(first.remember(), allow_nan=False))
    resumed = Monitor(100, told.append)
    resumed.restore(memory, records[:30])
    for monitor in (whole, resumed):
        for record in records[30:]:
            monitor.observe(record)
        monitor.score(records[-1], {"ess": 0.9, "log_z": 0.0})
    assert resumed.findings == whole.findings
    assert [finding.name for finding in told] == ["short steps"]
    assert resumed._records == whole._records
