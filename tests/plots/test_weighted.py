"""Weighted samples made ready for drawing."""

from __future__ import annotations

import numpy as np
import pytest

from transjet import targets
from transjet.errors import ShapeError
from transjet.metrics import Estimate
from transjet.plots.weighted import Weighted, histogram, limits, outside, resample, weighted, with_error

PLANE = targets.Target(name="plane", dim=2, log_density=lambda x: -(x**2).sum() / 2)


def equal(x: np.ndarray) -> Weighted:
    return Weighted(x, np.full(len(x), 1 / len(x)))


def test_weights_are_normalised_and_what_is_not_finite_is_left_out():
    x = np.arange(14.0).reshape(7, 2)
    x[5, 1] = np.inf
    log_w = np.array([800.0, 800 + np.log(3), -np.inf, np.nan, np.inf, 800, 800])
    samples = weighted(PLANE, x, log_w)
    np.testing.assert_array_equal(samples.x, x[[0, 1, 2, 6]])
    np.testing.assert_allclose(samples.weights, np.array([1, 3, 0, 1]) / 5, rtol=1e-13)


@pytest.mark.parametrize(("shape", "count"), [((5, 3), 5), ((5, 2), 4), ((5,), 5)])
def test_samples_that_do_not_fit_are_refused(shape, count):
    with pytest.raises(ShapeError, match=r"expected x \(n, 2\) and log_w \(n,\), got"):
        weighted(PLANE, np.zeros(shape), np.zeros(count))


def test_samples_without_any_weight_are_refused():
    with pytest.raises(ShapeError, match="expected at least one with a finite weight, got none of 3"):
        weighted(PLANE, np.zeros((3, 2)), np.array([np.nan, -np.inf, np.inf]))


def test_resampling_gives_each_sample_its_share():
    x = np.array([[2.0, 0], [0.0, 1], [1.0, 2]])
    dots = resample(Weighted(x, np.array([0.5, 0.3, 0.2])), 100)
    values, counts = np.unique(dots[:, 0], return_counts=True)
    np.testing.assert_array_equal(values, [0, 1, 2])
    np.testing.assert_array_equal(counts, [30, 20, 50])


def test_resampling_equal_weights_keeps_every_sample():
    x = np.random.default_rng(0).normal(size=(137, 2))
    dots = resample(equal(x), 137)
    np.testing.assert_array_equal(np.sort(dots[:, 1]), np.sort(x[:, 1]))


def test_histogram_is_a_density_whose_errors_are_those_of_repetitions():
    rng = np.random.default_rng(0)
    edges = np.linspace(-3, 3, 7)
    runs = []
    for _ in range(400):
        x, log_w = rng.normal(size=200), 0.5 * rng.normal(size=200)
        w = np.exp(log_w)
        runs.append(histogram(x, w / w.sum(), edges))
    height, error = np.array(runs).transpose(1, 0, 2)
    # The scatter of 400 runs is known to 1/sqrt(800) = 3.5 %: allow three of that and 4 % for the delta method.
    np.testing.assert_allclose(error.mean(axis=0), height.std(axis=0), rtol=0.15)
    exact = np.array([0.02140, 0.13591, 0.34134, 0.34134, 0.13591, 0.02140])
    np.testing.assert_allclose(height.mean(axis=0), exact, atol=4 * height.std(axis=0).max() / 20)


def test_limits_hold_the_bulk_of_light_and_of_heavy_tails():
    rng = np.random.default_rng(0)
    low, high = limits(equal(rng.normal(size=(20_000, 1))), 0)
    assert -4.5 < low < -3
    assert 3 < high < 4.5
    low, high = limits(equal(rng.standard_cauchy(size=(20_000, 1))), 0)
    assert -13 < low < -9
    assert 9 < high < 13


def test_limits_of_a_single_point_are_an_interval():
    low, high = limits(equal(np.full((5, 1), 3.0)), 0)
    assert low < 3 < high


def test_limits_follow_the_weights():
    samples = Weighted(np.array([[0.0], [1.0], [2.0], [100.0]]), np.array([0.3, 0.4, 0.3, 0.0]))
    assert limits(samples, 0)[1] < 3


def test_what_lies_outside_the_frame_is_said():
    samples = Weighted(np.array([[0.0, 0], [9, 0], [0, 9]]), np.array([0.7, 0.2, 0.1]))
    assert outside(samples, [(-1, 1), (-1, 1)]) == "30 % outside the frame"
    assert outside(samples, [(-1, 1)], 1) == "10 % outside the frame"
    assert outside(samples, [(-1, 10), (-1, 10)]) == ""


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.12345, 0.012, "0.12 ± 0.01"),
        (42.8172, 0.0032, "42.817 ± 0.003"),
        (1234.5, 20.0, "1234 ± 20"),
        (0.99999999, 1e-9, "1.0000 ± 0.0000"),
        (float("nan"), 0.1, "nan ± 0.1"),
        (0.5, 0.0, "0.5 ± 0"),
        (0.5, float("inf"), "0.5 ± inf"),
    ],
)
def test_figures_show_the_digits_that_mean_something(value, error, text):
    assert with_error(Estimate(value, error)) == text
