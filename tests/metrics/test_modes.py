from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from transjet import targets
from transjet.errors import DTypeError, ShapeError, TargetError
from transjet.metrics import Estimate, mode_coverage, mode_weights, worst_mode_ratio

GRID = targets.get("gmm-grid")
SKEWED = np.arange(1, 10) / 45
N, REPEATS = 1001, 300


def draw(rng: np.random.Generator, p: np.ndarray = GRID.mode_weights) -> tuple[np.ndarray, np.ndarray]:
    """Samples of the grid with shares p, and the log weights that correct them."""
    k = rng.choice(9, size=N, p=p)
    return GRID.modes[k] + np.sqrt(0.3) * rng.normal(size=(N, 2)), np.log(GRID.mode_weights[k] / p[k])


def calibration(runs: list[Estimate], truth: float) -> tuple[float, float]:
    """Return the spread of (value - truth) / std_error, and mean std_error / scatter."""
    values, errors = np.array(runs).T
    return float(np.std((values - truth) / errors)), float(errors.mean() / values.std())


def seeds() -> list[np.random.Generator]:
    return [np.random.default_rng([5, i]) for i in range(REPEATS)]


def test_weights_and_their_errors_are_calibrated():
    plain = [mode_weights(draw(rng, SKEWED)[0], GRID) for rng in seeds()]
    for k in range(9):
        spread, ratio = calibration([run[k] for run in plain], SKEWED[k])
        assert 0.85 < spread < 1.15 and 0.88 < ratio < 1.12
        bias = np.mean([run[k].value for run in plain]) - SKEWED[k]
        assert abs(bias) < 4 * np.sqrt(SKEWED[k] / N / REPEATS)


def test_error_of_a_share_is_binomial():
    x, _ = draw(np.random.default_rng(1), SKEWED)
    for value, std_error in mode_weights(x, GRID):
        assert std_error == pytest.approx(np.sqrt(value * (1 - value) / N), rel=1e-12)


def test_membership_recovers_the_weights_of_components_that_overlap():
    """Two normals of scales 1 and 3 at a distance of 2: the shares nearest to the centres are not the weights."""
    scales, truth = np.array([1.0, 3.0]), np.array([0.3, 0.7])

    def membership(x: np.ndarray) -> np.ndarray:
        parts = truth / scales * np.exp(-0.5 * ((x - [0.0, 2.0]) / scales) ** 2)
        return parts / parts.sum(axis=1, keepdims=True)

    near = targets.Target("pair", 1, lambda x: -(x[0] ** 2), modes=[[0.0], [2.0]], mode_weights=truth)
    soft = dataclasses.replace(near, membership=membership)

    def samples(rng: np.random.Generator) -> np.ndarray:
        k = rng.choice(2, size=N, p=truth)
        return (2.0 * k + scales[k] * rng.normal(size=N))[:, None]

    runs = [mode_weights(samples(rng), soft) for rng in seeds()]
    for k in range(2):
        spread, ratio = calibration([run[k] for run in runs], truth[k])
        assert 0.85 < spread < 1.15 and 0.88 < ratio < 1.12
    assert abs(mode_weights(samples(np.random.default_rng(0)), near)[0].value - truth[0]) > 0.1


def test_reweighting_recovers_the_truth():
    weighted = [mode_weights(*_with_target(draw(rng, SKEWED))) for rng in seeds()]
    for k in range(9):
        spread, ratio = calibration([run[k] for run in weighted], 1 / 9)
        assert 0.85 < spread < 1.15 and 0.88 < ratio < 1.12


def _with_target(pair: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, targets.Target, np.ndarray]:
    return pair[0], GRID, pair[1]


def test_weights_sum_to_one_and_a_missed_mode_has_an_error():
    x, _ = draw(np.random.default_rng(0))
    x = x[GRID.assign_modes(x) != 4]
    weights = mode_weights(x, GRID)
    assert sum(w.value for w in weights) == pytest.approx(1.0, rel=1e-12)
    assert weights[4].value == 0.0 and 0 < weights[4].std_error < 2 / len(x)


def test_a_missed_mode_is_seen_by_every_figure():
    x, _ = draw(np.random.default_rng(0))
    kept = x[GRID.assign_modes(x) != 4]
    assert worst_mode_ratio(mode_weights(kept, GRID), GRID.mode_weights).value == 0.0
    coverage = mode_coverage(kept, GRID)
    assert coverage.value == pytest.approx(np.log(8) / np.log(9), abs=0.01)
    assert mode_coverage(x, GRID).value - coverage.value > 10 * coverage.std_error


def test_worst_ratio_picks_the_farthest_mode_on_either_side():
    weights = [Estimate(0.2, 0.01), Estimate(0.3, 0.02), Estimate(0.5, 0.03)]
    assert worst_mode_ratio(weights, [0.25, 0.5, 0.25]) == pytest.approx((0.5, 0.03 * 0.25 / 0.5**2))
    assert worst_mode_ratio(weights, [0.4, 0.3, 0.3]) == pytest.approx((0.5, 0.01 / 0.4))
    assert worst_mode_ratio(weights, [0.2, 0.3, 0.5]).value == 1.0


def test_coverage_of_one_mode_is_zero():
    x = np.tile(GRID.modes[2], (50, 1))
    coverage = mode_coverage(x, GRID)
    assert coverage.value == 0.0 and coverage.std_error > 0


@pytest.mark.parametrize("p", [GRID.mode_weights, SKEWED], ids=["equal", "skewed"])
def test_error_of_the_coverage_is_calibrated(p):
    truth = -np.sum(p * np.log(p)) / np.log(9)
    runs = [mode_coverage(draw(rng, p)[0], GRID) for rng in seeds()]
    _, ratio = calibration(runs, truth)
    assert 0.8 < ratio < 1.25
    values = np.array(runs)[:, 0]
    bias, noise = values.mean() - truth, values.std() / np.sqrt(REPEATS)
    assert abs(bias + 8 / (2 * N * np.log(9))) < 4 * noise


BARE = dataclasses.replace(GRID, modes=None, mode_weights=None)
ONE = dataclasses.replace(GRID, modes=np.zeros((1, 2)), mode_weights=np.ones(1))
X = np.zeros((5, 2))


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: mode_weights(X, BARE), TargetError, "lists no modes"),
        (lambda: mode_coverage(X, BARE), TargetError, "lists no modes"),
        (lambda: mode_coverage(X, ONE), TargetError, "at least two modes"),
        (lambda: mode_weights(X[:, :1], GRID), ShapeError, r"\(n, 2\), got \(5, 1\)"),
        (lambda: mode_weights(X[0], GRID), ShapeError, r"got \(2,\)"),
        (lambda: mode_weights(X[:1], GRID), ShapeError, "at least 2 samples"),
        (lambda: mode_weights(X + np.nan, GRID), TargetError, "NaN or infinity in 5 of 5 rows"),
        (lambda: mode_weights(X, GRID, np.zeros(4)), ShapeError, r"\(5,\), got \(4,\)"),
        (lambda: mode_weights(X, GRID, np.full(5, np.nan)), TargetError, "log_w has NaN"),
        (lambda: mode_coverage(X, GRID, np.full(5, -np.inf)), TargetError, "weight zero"),
        (lambda: mode_coverage([["a", "b"]], GRID), DTypeError, "x must hold real numbers"),
        (lambda: worst_mode_ratio([], []), ShapeError, "truth"),
        (lambda: worst_mode_ratio([Estimate(1.0, 0.0)], [0.5, 0.5]), ShapeError, r"\(1,\)"),
        (lambda: worst_mode_ratio([Estimate(1.0, 0.0)], [0.0]), TargetError, "positive"),
        (lambda: worst_mode_ratio([Estimate(1.0, 0.0)], ["a"]), DTypeError, "truth"),
    ],
)
def test_malformed_calls(call, error, words):
    with pytest.raises(error, match=words):
        call()
