"""Do the samples share themselves out among the modes as the target does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from transjet.errors import ShapeError, TargetError
from transjet.metrics import _checks
from transjet.metrics.estimate import Estimate
from transjet.targets import Target


def mode_weights(x: Any, target: Target, log_w: Any = None) -> tuple[Estimate, ...]:
    """Estimate the share of the mass in each mode.

    A sample belongs to the nearest mode, or to several with the probabilities of the target's ``membership``: the
    estimate is then that of the components' weights, without bias from their overlap.

    Args:
        x: (n, dim) finite samples.
        target: a target that lists its m modes.
        log_w: (n,) log weights for self-normalised shares; None counts all samples alike.

    Returns:
        m estimates that sum to one. A mode without any sample has the standard error that a share of half an
        effective sample would have, not zero.

    Raises:
        TargetError: the target lists no modes, or a sample or weight is not finite.
        ShapeError: ``x`` or ``log_w`` has the wrong shape.
        DTypeError: ``x`` or ``log_w`` does not hold real numbers.
    """
    points = _checks.points(x, dim=target.dim)
    w = _checks.shares(log_w, len(points))
    p, variance, squares = *_shares_and_variances(points, target, w), w**2
    effective = 1.0 / squares.sum()
    half = 0.5 / (effective + 1.0)
    floor = half * (1.0 - half) / effective
    return tuple(Estimate(float(k), float(np.sqrt(max(v, floor)))) for k, v in zip(p, variance, strict=True))


def worst_mode_ratio(weights: Sequence[Estimate], truth: Any) -> Estimate:
    """Return the worst agreement of a mode's share p with the truth t, min over modes of min(p/t, t/p).

    One is perfect, zero is a missed mode. The minimum over noisy shares lies below that of the exact shares.

    Args:
        weights: m estimated shares, as ``mode_weights`` returns them.
        truth: (m,) positive true shares.

    Returns:
        The worst ratio, with the standard error of the ratio of the mode that attains it.

    Raises:
        ShapeError: the lengths disagree.
        TargetError: a true share is not positive.
        DTypeError: ``truth`` does not hold real numbers.
    """
    t = _checks.real_array(truth, "truth")
    if t.shape != (len(weights),) or len(weights) == 0:
        raise ShapeError(f"truth must have shape ({len(weights)},), one per mode, got {t.shape}")
    if not (np.isfinite(t) & (t > 0)).all():
        raise TargetError(f"truth must be positive and finite, got {t.min()}; drop modes without mass")
    p, std_errors = (np.array(column) for column in zip(*weights, strict=True))
    low = p <= t
    ratios = np.where(low, p, t) / np.where(low, t, p)
    k = int(np.argmin(ratios))
    slope = 1.0 / t[k] if low[k] else t[k] / p[k] ** 2
    return Estimate(float(ratios[k]), float(slope * std_errors[k]))


def mode_coverage(x: Any, target: Target, log_w: Any = None) -> Estimate:
    """Estimate the entropic mode coverage -sum p log p / log m: 1 for equal shares, 0 for a single mode.

    Args:
        x: (n, dim) finite samples.
        target: a target that lists at least two modes.
        log_w: (n,) log weights, or None.

    Returns:
        The coverage. Its error joins the first-order term, which vanishes for equal shares, with the
        second-order one, of variance (m - 1) / (2 n_eff^2) in nats; the bias, about -(m - 1) / (2 n_eff), is
        left in.

    Raises:
        TargetError: the target lists fewer than two modes, or a sample or weight is not finite.
        ShapeError: ``x`` or ``log_w`` has the wrong shape.
        DTypeError: ``x`` or ``log_w`` does not hold real numbers.
    """
    count = len(_modes_of(target))
    if count < 2:
        raise TargetError(f"mode coverage needs at least two modes, target {target.name!r} has one")
    points = _checks.points(x, dim=target.dim)
    w = _checks.shares(log_w, len(points))
    index = target.assign_modes(points)
    p = _mode_shares(index, w, count)
    surprise = -np.log(np.where(p > 0, p, 1.0))
    entropy = float(p @ surprise)
    first = np.sum(w**2 * (surprise[index] - entropy) ** 2)
    second = 0.5 * (count - 1) * np.sum(w**2) ** 2
    # For equal shares the first sum is nothing but the noise of the estimated shares, twice the second term.
    first = max(first - 2.0 * second, 0.0)
    return Estimate(float(entropy / np.log(count)), float(np.sqrt(first + second) / np.log(count)))


def _shares_and_variances(points: np.ndarray, target: Target, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares (m,) and, by the delta method for a ratio, their variances sum_i w_i^2 (r_ik - p_k)^2."""
    count, squares = len(_modes_of(target)), w**2
    r = target.memberships(points)
    if r is not None:
        p = w @ r
        return p, squares @ (r - p) ** 2
    index = target.assign_modes(points)
    p, inside = _mode_shares(index, w, count), np.bincount(index, squares, count)
    return p, inside * (1.0 - p) ** 2 + (squares.sum() - inside) * p**2


def _mode_shares(index: np.ndarray, w: np.ndarray, count: int) -> np.ndarray:
    sums = np.bincount(index, w, count)
    return sums / sums.sum()


def _modes_of(target: Target) -> np.ndarray:
    if target.modes is None:
        raise TargetError(f"target {target.name!r} lists no modes; give it modes=(m, dim) for this figure")
    return target.modes
