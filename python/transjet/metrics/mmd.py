"""Maximum mean discrepancy between two sets of samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from transjet.errors import ShapeError, TargetError
from transjet.metrics import _checks
from transjet.metrics.estimate import Estimate

# Rows of the kernel matrix held at once, and points of each set that the median distance is taken over.
_BLOCK = 512
_MEDIAN_POINTS = 500


def mmd_squared(x: Any, y: Any, *, bandwidth: float | None = None, max_points: int | None = 2000) -> Estimate:
    """Estimate the squared MMD without bias, for the kernel exp(-|x - y|^2 / (2 bandwidth^2)).

    The U-statistic over pairs z_i = (x_i, y_i) with h(z, z') = k(x, x') + k(y, y') - k(x, y') - k(x', y)
    (Gretton et al. 2012, lemma 6); it is negative about half of the time when both samples have one
    distribution. Its variance is Hoeffding's, 4 zeta_1 / m + 2 zeta_2 / m^2, both terms estimated: the second
    one rules there.

    Args:
        x: (n, d) samples.
        y: (m, d) samples of the other distribution, independent of ``x``.
        bandwidth: length scale of the kernel; by default the median distance among the first 500 points of
            both.
        max_points: the first so many points of each set are used, and no more than the smaller set has; None
            uses all of them, at a cost of n^2 kernels.

    Returns:
        The squared discrepancy.

    Raises:
        ShapeError: a set is not (n, d), or has fewer than 4 points, or the dimensions disagree.
        TargetError: a sample is not finite, or the points coincide so that there is no median distance.
        DTypeError: a set does not hold real numbers.
        ConfigError: ``bandwidth`` or ``max_points`` is not positive.
    """
    a, b = _checks.pair(x, y)
    m = min(len(a), len(b))
    if max_points is not None:
        m = min(m, _checks.positive_int(max_points, "max_points"))
    if m < 4:
        raise ShapeError(f"the MMD needs at least 4 points of each set, got {m}; draw more samples")
    a, b = a[:m], b[:m]
    scale = _median_distance(a, b) if bandwidth is None else _checks.positive(bandwidth, "bandwidth")
    sums, squares = _row_sums(a, b, scale)
    value = sums.sum() / (m * (m - 1))
    zeta_2 = max(squares / (m * (m - 1)) - value**2, 0.0)
    # The scatter of the row means holds zeta_1 and the noise of m - 1 terms each.
    zeta_1 = max(np.var(sums / (m - 1), ddof=1) - zeta_2 / (m - 1), 0.0)
    return Estimate(float(value), float(np.sqrt(4.0 * zeta_1 / m + 2.0 * zeta_2 / (m * (m - 1)))))


def _row_sums(a: np.ndarray, b: np.ndarray, scale: float) -> tuple[np.ndarray, float]:
    """Return (m,) the sums of h over each row without its diagonal, and the sum of its squares."""

    def kernel(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return np.exp(_squared_distances(p, q) / (-2.0 * scale**2))

    sums, squares = np.empty(len(a)), 0.0
    for start in range(0, len(a), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(a)))
        h = kernel(a[rows], a) + kernel(b[rows], b) - kernel(a[rows], b) - kernel(b[rows], a)
        h[np.arange(len(h)), np.arange(rows.start, rows.stop)] = 0.0
        sums[rows] = h.sum(axis=1)
        squares += float((h**2).sum())
    return sums, squares


def _squared_distances(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    squares = (p**2).sum(axis=1)[:, None] + (q**2).sum(axis=1)[None, :] - 2.0 * (p @ q.T)
    return np.maximum(squares, 0.0)


def _median_distance(a: np.ndarray, b: np.ndarray) -> float:
    pooled = np.concatenate([a[:_MEDIAN_POINTS], b[:_MEDIAN_POINTS]])
    pairs = np.triu_indices(len(pooled), k=1)
    median = float(np.sqrt(np.median(_squared_distances(pooled, pooled)[pairs])))
    if median == 0.0:
        raise TargetError("more than half of the points coincide, so that the median distance is zero; pass bandwidth")
    return median
