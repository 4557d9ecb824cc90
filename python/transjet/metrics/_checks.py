"""Checks of samples and log weights at the boundary of the metrics; each returns float64 NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from transjet.errors import ConfigError, DTypeError, ShapeError, TargetError


def real_array(value: Any, what: str) -> np.ndarray:
    """Return an array of real numbers as float64."""
    array = np.asarray(value)
    # jax's bfloat16 is not a subtype of np.floating, but converts to it.
    if array.dtype.kind in "OUSMmcb":
        raise DTypeError(f"{what} must hold real numbers, got {array.dtype}; pass float32 or float64")
    return array.astype(np.float64)


def rows(x: Any, what: str = "x", dim: int | None = None) -> np.ndarray:
    """Return (n, d) points, n >= 2; NaN and infinities are left for the caller to judge."""
    array = real_array(x, what)
    if array.ndim != 2 or array.shape[1] == 0 or dim not in (None, array.shape[1]):
        raise ShapeError(f"{what} must have shape (n, {dim or 'd'}), got {array.shape}; one row per sample")
    if len(array) < 2:
        raise ShapeError(f"{what} must hold at least 2 samples for a standard error, got {len(array)}")
    return array


def points(x: Any, what: str = "x", dim: int | None = None) -> np.ndarray:
    """Return (n, d) finite points, n >= 2."""
    array = rows(x, what, dim)
    bad = ~np.isfinite(array).all(axis=1)
    if bad.any():
        raise TargetError(
            f"{what} has NaN or infinity in {bad.sum()} of {len(array)} rows, first in row "
            f"{int(np.argmax(bad))}; remove them and say how many they were"
        )
    return array


def pair(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return two sets of finite points of the same dimension."""
    a, b = points(x, "x"), points(y, "y")
    if a.shape[1] != b.shape[1]:
        raise ShapeError(f"x and y must have the same dimension, got {a.shape[1]} and {b.shape[1]}")
    return a, b


def log_weights(log_w: Any, count: int | None = None, what: str = "log_w") -> np.ndarray:
    """Return (n,) log weights, n >= 2; NaN and infinities are left for the caller to judge."""
    array = real_array(log_w, what)
    if array.ndim != 1 or (count is not None and len(array) != count):
        raise ShapeError(
            f"{what} must have shape ({'n' if count is None else count},), got {array.shape}; one per sample"
        )
    if len(array) < 2:
        raise ShapeError(f"{what} must hold at least 2 weights for a standard error, got {len(array)}")
    return array


def without_nonfinite(log_w: np.ndarray, nonfinite: str, what: str = "log_w") -> np.ndarray:
    """Return log weights whose NaN and +inf entries are refused, or lost draws of weight zero (-inf).

    Args:
        log_w: (n,) log weights.
        nonfinite: ``"raise"`` or ``"count"``.
        what: name for the message.
    """
    if nonfinite not in ("raise", "count"):
        raise ConfigError(f"nonfinite must be 'raise' or 'count', got {nonfinite!r}")
    bad = np.isnan(log_w) | (log_w == np.inf)
    if bad.any() and nonfinite == "raise":
        raise TargetError(
            f"{what} has NaN or +inf in {bad.sum()} of {len(log_w)} entries, first in entry "
            f"{int(np.argmax(bad))}; find their cause, or pass nonfinite='count' to take them as lost draws"
        )
    kept = np.where(bad, -np.inf, log_w)
    if not (kept > -np.inf).any():
        raise TargetError(f"all {len(kept)} entries of {what} have weight zero; no draw met the target's support")
    return kept


def shares(log_w: Any, count: int) -> np.ndarray:
    """Return self-normalised weights (count,), which sum to one; equal ones for None."""
    if log_w is None:
        return np.full(count, 1.0 / count)
    kept = without_nonfinite(log_weights(log_w, count), "raise")
    w = np.exp(kept - kept.max())
    return w / w.sum()


def positive(value: Any, what: str) -> float:
    """Return an option that must be a positive, finite number."""
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not real or not (np.isfinite(value) and value > 0):
        raise ConfigError(f"{what} must be a positive, finite number, got {value!r}")
    return float(value)


def positive_int(value: Any, what: str) -> int:
    """Return an option that must be a positive integer."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ConfigError(f"{what} must be a positive integer, got {value!r}")
    return int(value)
