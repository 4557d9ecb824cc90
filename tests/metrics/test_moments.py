from __future__ import annotations

import numpy as np
import pytest

from transjet.errors import DTypeError, ShapeError, TargetError
from transjet.metrics import std_error_metric, weighted_moments

N, REPEATS = 1001, 300
TRUTH = np.array([1.0, 2.0, 0.5])


def proposal(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Samples of N(1/2, (1.5 TRUTH)^2) and the log weights of N(0, TRUTH^2)."""
    x = 0.5 + 1.5 * TRUTH * rng.normal(size=(N, 3))
    log_q = -0.5 * (((x - 0.5) / (1.5 * TRUTH)) ** 2).sum(axis=1)
    return x, -0.5 * ((x / TRUTH) ** 2).sum(axis=1) - log_q + 300.0


def seeds() -> list[np.random.Generator]:
    return [np.random.default_rng([9, i]) for i in range(REPEATS)]


def test_unweighted_moments_are_numpys():
    x = np.random.default_rng(0).normal(size=(101, 3)) * TRUTH
    result = weighted_moments(x)
    np.testing.assert_allclose(result.mean, x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(result.std, x.std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(result.mean_std_error, x.std(axis=0) / np.sqrt(101), rtol=1e-12)


def test_weighted_moments_and_their_errors_are_calibrated():
    runs = [weighted_moments(*proposal(rng)) for rng in seeds()]
    mean, mean_error, std, std_error = (np.array(column) for column in zip(*runs, strict=True))
    for values, errors, truth in ((mean, mean_error, np.zeros(3)), (std, std_error, TRUTH)):
        scatter = values.std(axis=0)
        assert np.all(np.abs(errors.mean(axis=0) / scatter - 1) < 0.15)
        # The ratio estimator is biased by less than a tenth of its error at this size.
        assert np.all(np.abs(values.mean(axis=0) - truth) < (0.1 + 4 / np.sqrt(REPEATS)) * scatter)


def test_metric_is_calibrated_where_it_differs_from_zero():
    for wrong, weighted in ((1.2 * TRUTH, True), (1.8 * TRUTH, False)):
        truth = np.mean(np.abs((TRUTH if weighted else 1.5 * TRUTH) - wrong))
        pairs = [proposal(rng) for rng in seeds()]
        runs = np.array([std_error_metric(x, wrong, log_w if weighted else None) for x, log_w in pairs])
        z = (runs[:, 0] - truth) / runs[:, 1]
        assert abs(runs[:, 1].mean() / runs[:, 0].std() - 1) < 0.15
        assert abs(z.mean()) < 0.35 and 0.9 < (np.abs(z) < 2).mean()


def test_errors_of_opposite_sign_cancel_between_equal_coordinates():
    x = np.random.default_rng(2).normal(size=(N, 1))
    metric = std_error_metric(np.tile(x, 2), [0.5, 1.5])
    assert metric == pytest.approx((0.5, 0.0), abs=1e-12)
    assert std_error_metric(np.tile(x, 2), [0.5, 0.5]).std_error > 0.01


def test_metric_never_claims_too_much_where_it_is_noise():
    runs = np.array([std_error_metric(rng.normal(size=(N, 3)) * TRUTH, TRUTH) for rng in seeds()])
    assert 1.0 < runs[:, 1].mean() / runs[:, 0].std() < 1.9
    assert runs[:, 0].mean() < 2.5 * runs[:, 1].mean()


def test_metric_sees_a_wrong_scale():
    x = 1.05 * TRUTH * np.random.default_rng(1).normal(size=(40_001, 3))
    metric = std_error_metric(x, TRUTH)
    assert metric.value == pytest.approx(0.05 * TRUTH.mean(), rel=0.2)
    assert metric.value > 5 * metric.std_error


def test_a_constant_coordinate_has_no_deviation_and_no_error():
    result = weighted_moments(np.ones((5, 1)))
    assert result.std == 0.0 and result.std_std_error == 0.0


X = np.arange(10.0).reshape(5, 2)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: weighted_moments(X[0]), ShapeError, "one row per sample"),
        (lambda: weighted_moments(X[:, :0]), ShapeError, r"got \(5, 0\)"),
        (lambda: weighted_moments(X[:1]), ShapeError, "at least 2 samples"),
        (lambda: weighted_moments(X, np.zeros((5, 1))), ShapeError, "log_w"),
        (lambda: weighted_moments(X, [0.0, 0.0, np.inf, 0.0, 0.0]), TargetError, "first in entry 2"),
        (lambda: weighted_moments("x"), DTypeError, "real numbers"),
        (lambda: std_error_metric(X, [1.0]), ShapeError, "one per coordinate"),
        (lambda: std_error_metric(X, 1.0), ShapeError, r"got \(\)"),
        (lambda: std_error_metric(X, [1.0, np.inf]), TargetError, "exact values"),
        (lambda: std_error_metric(X, [1.0, 0.0]), TargetError, "positive"),
        (lambda: std_error_metric(X, None), DTypeError, "std"),
        (lambda: std_error_metric(X * np.nan, [1.0, 1.0]), TargetError, "x has NaN"),
    ],
)
def test_malformed_calls(call, error, words):
    with pytest.raises(error, match=words):
        call()
