"""Points that share their times in slices, for residuals that are centred within them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from transjet.collocation.adaptive import ResidualAdaptive
from transjet.collocation.points import Collocation, Drift, Points
from transjet.errors import ConfigError

Array = jax.Array


@dataclass(frozen=True)
class Sliced:
    """Points of another distribution, sorted by time into slices of equal size, each at one of its own times.

    The slices' times follow those of the base. A point is evaluated at a time that differs from its own by up to the
    width of a slice, which moves where points lie, not what the residual is.

    Attributes:
        base: draws the points.
        slices: m.

    Raises:
        ConfigError: fewer than one slice, or a base whose points have weights.
    """

    base: Collocation
    slices: int

    def __post_init__(self) -> None:
        if self.slices < 1:
            raise ConfigError(f"sliced: slices: expected at least 1; got {self.slices}")
        if isinstance(self.base, ResidualAdaptive):
            raise ConfigError("sliced: expected a base without weights; got an adaptive one")

    def refresh(self, key: Array, drift: Drift, dtype: Any) -> Any:
        """The base's cache."""
        return self.base.refresh(key, drift, dtype)

    def draw(self, key: Array, cache: Any, n: int, progress: Array, dtype: Any) -> Points:
        """n points, slice by slice, those of a slice at the time in its middle.

        Raises:
            ConfigError: n is not a multiple of the slices.
        """
        if n % self.slices:
            raise ConfigError(f"sliced: expected a multiple of {self.slices} points; got {n}")
        points = self.base.draw(key, cache, n, progress, dtype)
        order, size = jnp.argsort(points.t), n // self.slices
        times = points.t[order].reshape(self.slices, size)[:, size // 2]
        return Points(points.x[order], jnp.repeat(times, size))
