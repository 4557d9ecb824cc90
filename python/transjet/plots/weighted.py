"""Weighted samples made ready for drawing."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from transjet.errors import ShapeError
from transjet.metrics import Estimate, Summary
from transjet.plots.style import joined
from transjet.targets import Target


class Weighted(NamedTuple):
    """Samples with normalised weights; those without a usable weight or point are left out.

    Attributes:
        x: (n, dim) finite points, float64.
        weights: (n,) non-negative, of sum 1.
    """

    x: np.ndarray
    weights: np.ndarray


def weighted(target: Target, x: Any, log_w: Any) -> Weighted:
    """Normalise importance weights, and leave out what is not finite (`headline` counts it).

    Args:
        target: what was sampled.
        x: (n, dim) points.
        log_w: (n,) log weights; -inf is a weight of 0.

    Returns:
        The samples.

    Raises:
        ShapeError: the shapes do not fit, or no sample has a usable weight.
    """
    x, log_w = np.asarray(x, np.float64), np.asarray(log_w, np.float64)
    if x.ndim != 2 or x.shape[1] != target.dim or log_w.shape != x.shape[:1]:
        raise ShapeError(
            f"samples to draw: expected x (n, {target.dim}) and log_w (n,), got {x.shape} and {log_w.shape}; "
            "pass the samples of this target"
        )
    good = np.isfinite(x).all(axis=1) & (log_w < np.inf)  # NaN compares false
    if not np.isfinite(log_w[good]).any():
        raise ShapeError(
            f"samples to draw: expected at least one with a finite weight, got none of {len(x)}; "
            "look at the log weights for NaN"
        )
    weights = np.exp(log_w[good] - log_w[good].max())
    return Weighted(x[good], weights / weights.sum())


def headline(target: Target, summary: Summary) -> str:
    """Return the figures that a picture is headed by: samples, those lost, ESS, log Z and its truth."""
    lost = f"{summary.n_nonfinite:,} not finite" if summary.n_nonfinite else ""
    truth = "" if target.log_z is None else f" (exact {target.log_z:.5g})"
    log_z = f"log Z {with_error(summary.log_z)}{truth}"
    return joined([f"{summary.n:,} samples", lost, f"ESS {with_error(summary.ess)}", log_z])


def with_error(estimate: Estimate) -> str:
    """Return value ± standard error, the value to the digits that the error leaves meaning."""
    value, error = estimate
    if not (np.isfinite(value) and np.isfinite(error) and error > 0):
        return f"{value:.4g} ± {error:.1g}"
    digits = min(max(0, -int(np.floor(np.log10(error)))), 4)
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def resample(samples: Weighted, count: int) -> np.ndarray:
    """Return `count` points (count, dim) of equal weight, by systematic resampling with a fixed offset.

    The samples are taken in the order of their first coordinate, so that neighbours stand in for each other.
    """
    order = np.argsort(samples.x[:, 0], kind="stable")
    cumulative = np.cumsum(samples.weights[order])
    picks = np.searchsorted(cumulative, (np.arange(count) + 0.5) / count * cumulative[-1])
    return samples.x[order[np.minimum(picks, len(order) - 1)]]


def limits(samples: Weighted, index: int) -> tuple[float, float]:
    """Return an interval that shows the bulk of coordinate `index`.

    It holds all but a thousandth of the weight at each end, unless the tails are so heavy that this leaves
    the bulk a mere spike: it ends at five interquartile ranges from the median then.
    """
    order = np.argsort(samples.x[:, index])
    cumulative = np.cumsum(samples.weights[order])
    picks = np.searchsorted(cumulative, np.array([0.001, 0.25, 0.5, 0.75, 0.999]) * cumulative[-1])
    low, lower, middle, upper, high = samples.x[order[np.minimum(picks, len(order) - 1)], index]
    reach = 5 * (upper - lower) or np.inf
    low, high = max(low, middle - reach), min(high, middle + reach)
    margin = 0.08 * (high - low) or 1.0
    return float(low - margin), float(high + margin)


def outside(samples: Weighted, ranges: list[tuple[float, float]], first: int = 0) -> str:
    """Return how much of the weight lies outside the frame, in words; nothing below half a percent.

    Args:
        samples: what is drawn.
        ranges: interval of each axis.
        first: coordinate on the first axis.
    """
    low, high = np.transpose(ranges)
    x = samples.x[:, first : first + len(ranges)]
    share = samples.weights[((x < low) | (x > high)).any(axis=1)].sum()
    return f"{100 * share:.2g} % outside the frame" if share > 0.005 else ""


def histogram(values: np.ndarray, weights: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the density in each bin and its standard error.

    The error is that of a self-normalised estimate p of the bin's mass: sqrt(sum w^2 (1[bin] - p)^2).

    Args:
        values: (n,) one coordinate.
        weights: (n,) normalised weights.
        edges: (bins + 1,) bin edges.

    Returns:
        Two arrays (bins,) in units of 1 / (unit of the coordinate).
    """
    mass = np.histogram(values, edges, weights=weights)[0]
    squares = np.histogram(values, edges, weights=weights**2)[0]
    variance = squares * (1 - 2 * mass) + mass**2 * np.sum(weights**2)
    widths = np.diff(edges)
    return mass / widths, np.sqrt(np.maximum(variance, 0.0)) / widths
