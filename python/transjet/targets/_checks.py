"""Checks of what a target is made of; each returns the value in its final form or raises a typed error."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from transjet.errors import ConfigError, DTypeError, ShapeError, TargetError


def dimension(dim: Any) -> int:
    """Return ``dim`` as a positive int."""
    try:
        if isinstance(dim, bool):
            raise TypeError
        value = operator.index(dim)
    except TypeError:
        raise DTypeError(
            f"dim must be a positive integer, got {dim!r}; pass the number of coordinates of one point"
        ) from None
    if value < 1:
        raise ShapeError(f"dim must be a positive integer, got {value}; a target has at least one coordinate")
    return value


def lattice(shape: Any) -> tuple[int, ...]:
    """Return the sizes of a periodic lattice on which no two neighbours share two links."""
    if not isinstance(shape, (tuple, list)) or not shape:
        raise DTypeError(f"shape must be a tuple of sizes, got {shape!r}; pass one size per axis")
    sizes = tuple(dimension(size) for size in shape)
    if min(sizes) < 3:
        raise ConfigError(f"shape must have sizes of at least 3, got {sizes}; smaller ones wrap onto themselves")
    return sizes


def number(value: Any, what: str) -> float:
    """Return a finite real number as a float."""
    if isinstance(value, (bool, str)) or value is None or np.iscomplexobj(value) or np.ndim(value) != 0:
        raise DTypeError(f"{what} must be a real number, got {value!r}; pass a finite float")
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise DTypeError(f"{what} must be a real number, got {value!r}; pass a finite float") from None
    if not math.isfinite(result):
        raise ConfigError(f"{what} must be finite, got {result}; pass a finite float")
    return result


def positive(value: Any, what: str) -> float:
    """Return a positive, finite number as a float."""
    result = number(value, what)
    if result <= 0:
        raise ConfigError(f"{what} must be positive, got {result}; pass a number above zero")
    return result


def centres(value: Any) -> np.ndarray:
    """Return the centres of a mixture as an array (m, d) with at least one of each."""
    means = array(value, (None, None), "means")
    if 0 in means.shape:
        raise ShapeError(f"means must hold at least one component and one coordinate, got shape {means.shape}")
    return means


def array(value: Any, shape: tuple[int | None, ...], what: str) -> np.ndarray:
    """Return a read-only float64 copy of finite numbers; None in ``shape`` leaves that axis free."""
    try:
        result = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as err:
        raise DTypeError(f"{what} must be an array of real numbers: {err}") from err
    fits = result.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, result.shape, strict=True))
    if not fits:
        wanted = "(" + ", ".join("any" if s is None else str(s) for s in shape) + ")"
        raise ShapeError(f"{what} must have shape {wanted}, got {result.shape}; check it against dim")
    if not np.isfinite(result).all():
        raise TargetError(f"{what} must be finite, got NaN or infinity; leave it out where it does not exist")
    result.setflags(write=False)
    return result


def weights(value: Any, count: int, what: str = "mode_weights") -> np.ndarray:
    """Return ``count`` positive weights that sum to one."""
    result = array(value, (count,), what)
    if not (result > 0).all():
        raise TargetError(f"{what} must be positive, the least is {result.min()}; drop modes without mass")
    if abs(result.sum() - 1.0) > 1e-6:
        raise TargetError(f"{what} must sum to 1, got {result.sum()}; divide them by their sum")
    return result


def box(value: Any, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners (lower, upper) of a box with lower < upper in every coordinate."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ShapeError(f"box must be a pair (lower, upper) of ({dim},) arrays, got {type(value).__name__}")
    lower, upper = array(value[0], (dim,), "box lower"), array(value[1], (dim,), "box upper")
    if not (lower < upper).all():
        k = int(np.argmin(upper - lower))
        raise TargetError(
            f"box must have lower < upper, got [{lower[k]}, {upper[k]}] in coordinate {k}; swap or widen them"
        )
    return lower, upper


def sample_size(n: Any) -> int:
    """Return a number of samples as an int of at least zero."""
    try:
        value = operator.index(n)
    except TypeError:
        raise DTypeError(f"n must be an integer number of samples, got {n!r}; it is a static argument") from None
    if value < 0:
        raise ShapeError(f"n must be at least 0, got {value}; pass the number of samples to draw")
    return value
