"""Means and standard deviations of the coordinates, and their distance from the truth."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from transjet.errors import ShapeError, TargetError
from transjet.metrics import _checks
from transjet.metrics.estimate import Estimate


class Moments(NamedTuple):
    """First and second moments of each coordinate.

    Attributes:
        mean: (d,) mean.
        mean_std_error: (d,) its standard error.
        std: (d,) standard deviation (of the population: no correction for n - 1).
        std_std_error: (d,) its standard error.
    """

    mean: np.ndarray
    mean_std_error: np.ndarray
    std: np.ndarray
    std_std_error: np.ndarray


def weighted_moments(x: Any, log_w: Any = None) -> Moments:
    """Estimate the mean and the standard deviation of each coordinate.

    Standard errors are by the delta method (infinitesimal jackknife): with self-normalised weights w and the
    residual e = x - mean, a sample's influence is w e on the mean and w (e^2 - std^2) / (2 std) on the
    deviation.

    Args:
        x: (n, d) finite samples.
        log_w: (n,) log weights, or None for equal ones.

    Returns:
        The moments.

    Raises:
        TargetError: a sample or weight is not finite.
        ShapeError: ``x`` or ``log_w`` has the wrong shape.
        DTypeError: ``x`` or ``log_w`` does not hold real numbers.
    """
    points = _checks.points(x)
    w = _checks.shares(log_w, len(points))
    columns = [_column(points[:, k], w) for k in range(points.shape[1])]
    mean, mean_error, std, influence = zip(*columns, strict=True)
    std_error = [np.sqrt(np.sum(i**2)) for i in influence]
    return Moments(np.array(mean), np.array(mean_error), np.array(std), np.array(std_error))


def std_error_metric(x: Any, std: Any, log_w: Any = None) -> Estimate:
    """Estimate the mean over coordinates of |std_k - true std_k|.

    Args:
        x: (n, d) finite samples.
        std: (d,) true standard deviations.
        log_w: (n,) log weights, or None for equal ones.

    Returns:
        The metric. Its standard error (infinitesimal jackknife over all coordinates together) is sharp when
        the deviations exceed the noise, and at most 1.7 times too large when they are noise alone: it never
        suggests more precision than there is.

    Raises:
        TargetError: a sample, weight or true value is not finite.
        ShapeError: ``x``, ``std`` or ``log_w`` has the wrong shape.
        DTypeError: an argument does not hold real numbers.
    """
    points = _checks.points(x)
    truth = _checks.real_array(std, "std")
    if truth.shape != (points.shape[1],):
        raise ShapeError(f"std must have shape ({points.shape[1]},), one per coordinate, got {truth.shape}")
    if not (np.isfinite(truth) & (truth > 0)).all():
        raise TargetError(f"std must be positive and finite, got {truth}; the metric needs exact values")
    w = _checks.shares(log_w, len(points))
    total, influence = 0.0, np.zeros(len(points))
    for k, true_std in enumerate(truth):
        _, _, value, change = _column(points[:, k], w)
        total += abs(value - true_std)
        influence += np.sign(value - true_std) * change
    return Estimate(float(total / len(truth)), float(np.sqrt(np.sum(influence**2)) / len(truth)))


def _column(x: np.ndarray, w: np.ndarray) -> tuple[float, float, float, np.ndarray]:
    """Return one coordinate's mean, its error, standard deviation, and (n,) the influences on the latter."""
    mean = float(w @ x)
    residual = x - mean
    variance = float(w @ residual**2)
    std = np.sqrt(variance)
    influence = w * (residual**2 - variance) / (2.0 * std) if std > 0 else np.zeros_like(x)
    return mean, float(np.sqrt(np.sum((w * residual) ** 2))), float(std), influence
