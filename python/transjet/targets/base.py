"""The description of a density to sample, with the truths that are known about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import DTypeError, ShapeError, TargetError
from transjet.targets import _checks

LogDensity = Callable[[jax.Array], jax.Array]
Sampler = Callable[[jax.Array, int], jax.Array]
Membership = Callable[[np.ndarray], np.ndarray]

# Rows of x that are compared with all modes at once: bounds the workspace of assign_modes.
_BLOCK = 16384


@dataclass(frozen=True, eq=False)
class Target:
    """An unnormalised density rho on R^dim and what is known exactly about it.

    Two targets are equal only if they are the same object, so that a target can be a static argument of
    ``jax.jit``. Arrays are kept as read-only float64 NumPy arrays.

    Attributes:
        name: short name, used in tables and file names.
        dim: number of coordinates d.
        log_density: maps one point (d,) to log rho, a scalar of the point's dtype, under jit, grad, vmap.
        log_z: log of the integral of rho, if known.
        sample: ``sample(key, n)`` draws n exact samples (n, d), if such a sampler exists.
        modes: (m, d) one representative point per mode (a component's centre in a mixture).
        mode_weights: (m,) share of the mass that belongs to each mode; positive, sums to 1.
        membership: maps float64 points (n, d) to the probabilities (n, m) that each belongs to each mode, such as those
            of a mixture's components given the point: their mean over the target is then ``mode_weights`` exactly,
            however much components overlap. None: a point belongs to the nearest mode.
        box: (lower (d,), upper (d,)) a box that holds nearly all mass, for uniform collocation points.
        mean: (d,) exact mean, if it exists and is known.
        std: (d,) exact standard deviation of each coordinate, if it exists and is known.
        prior_std: suggested standard deviation of the Gaussian prior N(0, prior_std^2 I).
        description: one line for listings.

    Raises:
        TargetError: a field contradicts another one, or is not finite.
        ShapeError: an array does not fit ``dim``.
        DTypeError: a field has the wrong type.
        ConfigError: ``prior_std`` or ``log_z`` is out of range.
    """

    name: str
    dim: int
    log_density: LogDensity
    log_z: float | None = None
    sample: Sampler | None = None
    modes: np.ndarray | None = None
    mode_weights: np.ndarray | None = None
    membership: Membership | None = None
    box: tuple[np.ndarray, np.ndarray] | None = None
    mean: np.ndarray | None = None
    std: np.ndarray | None = None
    prior_std: float = 1.0
    description: str = ""

    def __post_init__(self) -> None:
        _check_names_and_functions(self)
        dim = _checks.dimension(self.dim)
        values: dict[str, Any] = {"dim": dim, "prior_std": _checks.positive(self.prior_std, "prior_std")}
        if self.log_z is not None:
            values["log_z"] = _checks.number(self.log_z, "log_z")
        if self.box is not None:
            values["box"] = _checks.box(self.box, dim)
        for field in ("mean", "std"):
            if getattr(self, field) is not None:
                values[field] = _checks.array(getattr(self, field), (dim,), field)
        values |= _checked_modes(self.modes, self.mode_weights, dim)
        for field, value in values.items():
            object.__setattr__(self, field, value)
        if self.std is not None and not (self.std > 0).all():
            raise TargetError(f"std must be positive, the least is {self.std.min()}; leave it out if unknown")

    def assign_modes(self, x: Any) -> np.ndarray:
        """Return the index of the mode that each point most likely belongs to.

        That is the one of the largest ``membership``, or the nearest one (Euclidean distance) without it.

        Args:
            x: (n, dim) finite points.

        Returns:
            (n,) integers in [0, m).

        Raises:
            TargetError: the target lists no modes, or a point is not finite.
            ShapeError: ``x`` is not (n, dim), or ``membership`` gives another shape than (n, m).
        """
        indices = []
        for block, modes in self._blocks(x):
            indices.append(_nearest(block, modes) if self.membership is None else self._members(block).argmax(axis=1))
        return np.concatenate(indices) if indices else np.zeros(0, dtype=np.intp)

    def memberships(self, x: Any) -> np.ndarray | None:
        """Return the probability that each point belongs to each mode.

        Args:
            x: (n, dim) finite points.

        Returns:
            (n, m) rows that sum to 1, or None where every point belongs to its nearest mode alone.

        Raises:
            TargetError: the target lists no modes, or a point is not finite.
            ShapeError: ``x`` is not (n, dim), or ``membership`` gives another shape than (n, m).
        """
        if self.membership is None:
            return None
        blocks = [self._members(block) for block, _ in self._blocks(x)]
        return np.concatenate(blocks) if blocks else np.zeros((0, len(self.modes)))  # type: ignore[arg-type]

    def _blocks(self, x: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Checked float64 points, some at a time, with the modes."""
        if self.modes is None:
            raise TargetError(f"target {self.name!r} lists no modes; give it modes=(m, dim) to assign points")
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise ShapeError(f"points must have shape (n, {self.dim}), got {x.shape}; one row per point")
        for i in range(0, len(x), _BLOCK):
            yield _finite(x[i : i + _BLOCK].astype(np.float64)), self.modes

    def _members(self, x: np.ndarray) -> np.ndarray:
        found, wanted = self.membership(x), (len(x), len(self.modes))  # type: ignore[misc, arg-type]
        if found.shape != wanted:
            raise ShapeError(f"membership must map points {x.shape} to shape {wanted}, got {found.shape}")
        return found


def pointwise(fn: LogDensity, dim: int) -> LogDensity:
    """Wrap a log density so that it checks its point and keeps the point's dtype.

    Args:
        fn: maps a point (dim,) to a scalar.
        dim: number of coordinates.

    Returns:
        A function with ``fn``'s values that raises ShapeError for anything but one point and DTypeError for a
        point that is not floating. The checks run at trace time only.
    """

    def log_density(x: jax.Array) -> jax.Array:
        x = jnp.asarray(x)
        if x.shape != (dim,):
            raise ShapeError(
                f"log_density expects one point of shape ({dim},), got {x.shape}; use jax.vmap for a batch"
            )
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise DTypeError(f"log_density expects a floating point, got {x.dtype}; cast it to float32 or float64")
        return jnp.asarray(fn(x)).astype(x.dtype)

    return log_density


def _check_names_and_functions(target: Target) -> None:
    if not isinstance(target.name, str) or not target.name:
        raise DTypeError(f"name must be a non-empty string, got {target.name!r}; it labels tables and files")
    if not isinstance(target.description, str):
        raise DTypeError(f"description must be a string, got {target.description!r}; pass one line of text")
    if not callable(target.log_density):
        raise DTypeError(f"log_density must be callable, got {type(target.log_density).__name__}; pass a function")
    if target.sample is not None and not callable(target.sample):
        raise DTypeError(f"sample must be callable, got {type(target.sample).__name__}; pass sample(key, n) or None")
    if target.membership is not None and not callable(target.membership):
        raise DTypeError(f"membership must be callable, got {type(target.membership).__name__}; pass None without one")
    if target.membership is not None and target.modes is None:
        raise TargetError("membership is given without modes; pass modes=(m, dim) as well")


def _checked_modes(modes: Any, weights: Any, dim: int) -> dict[str, np.ndarray]:
    if modes is None:
        if weights is not None:
            raise TargetError("mode_weights are given without modes; pass modes=(m, dim) as well")
        return {}
    checked = {"modes": _checks.array(modes, (None, dim), "modes")}
    count = len(checked["modes"])
    if count == 0:
        raise ShapeError(f"modes must have at least one row, got shape (0, {dim}); pass None if unknown")
    if weights is not None:
        checked["mode_weights"] = _checks.weights(weights, count)
    return checked


def _finite(x: np.ndarray) -> np.ndarray:
    bad = ~np.isfinite(x).all(axis=1)
    if bad.any():
        raise TargetError(f"modes of {bad.sum()} point(s) with NaN or infinity among {len(x)}; remove them first")
    return x


def _nearest(x: np.ndarray, modes: np.ndarray) -> np.ndarray:
    # argmin |x - m|^2 = argmin |m|^2 - 2 x.m: the term |x|^2 is common to all modes.
    return np.argmin((modes**2).sum(axis=1) - 2.0 * (x @ modes.T), axis=1)
