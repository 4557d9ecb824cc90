"""Points where the residual is large, weighted so that the loss stays what it was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from transjet.collocation.points import Collocation, Drift, Points, WeightedPoints
from transjet.collocation.resample import systematic
from transjet.errors import ConfigError

Array = jax.Array


@dataclass(frozen=True)
class ResidualAdaptive:
    """n of m candidates, drawn with probability p ~ |R|^power / mean |R|^power + floor, with weights 1 / (m p).

    The weighted loss has the expectation of the candidates' own, and less variance where few points carry it; the
    floor bounds the weights by 1 + 1 / floor. With `unbiased` off the weights are all 1: the loss then leans towards
    points of large residual.

    Attributes:
        base: draws the candidates.
        factor: m = factor n.
        power: a in |R|^a; 0 is plain drawing.
        floor: share of plain drawing, relative to that by residual.
        unbiased: weigh the points.

    Raises:
        ConfigError: a value out of range, or a base that is adaptive itself.
    """

    base: Collocation
    factor: int = 4
    power: float = 1.0
    floor: float = 1.0
    unbiased: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.base, ResidualAdaptive):
            raise ConfigError(
                "adaptive: expected a base that does not depend on the residual; got another adaptive one"
            )
        if self.factor < 1 or not (0 <= self.power < math.inf and 0 < self.floor < math.inf):
            raise ConfigError(
                "adaptive: expected factor >= 1, power >= 0 and floor > 0; "
                f"got {self.factor}, {self.power} and {self.floor}"
            )

    def refresh(self, key: Array, drift: Drift, dtype: Any) -> Any:
        """The base's cache."""
        return self.base.refresh(key, drift, dtype)

    def draw(self, key: Array, cache: Any, n: int, progress: Array, dtype: Any) -> Points:
        """n points of the base: the distribution that the weighted loss is about."""
        return self.base.draw(key, cache, n, progress, dtype)

    def select(self, key: Array, candidates: Points, residual: Array, n: int) -> WeightedPoints:
        """n of the candidates, by their residual.

        Args:
            key: random key.
            candidates: m points.
            residual: theirs, (m,), or (k m,) for k residuals a point, whose squares are added up.
            n: how many to draw.

        Returns:
            WeightedPoints, by systematic resampling; a candidate can come more than once. Candidates without a finite
            residual are drawn like those of mean size, so that steps on them are refused as they would be.
        """
        m = candidates.t.shape[0]
        squares = jnp.sum(residual.reshape(-1, m) ** 2, axis=0)
        finite = jnp.isfinite(squares)
        size = jnp.where(finite, jnp.maximum(squares, jnp.finfo(squares.dtype).tiny), 0) ** (self.power / 2)
        mean = jnp.sum(jnp.where(finite, size, 0)) / jnp.maximum(jnp.sum(finite.astype(size.dtype)), 1)
        relative = jnp.where(finite & (mean > 0), size / mean, 1.0) + self.floor
        index = systematic(key, jnp.log(relative), n)
        weights = jnp.mean(relative) / relative[index]
        points = Points(candidates.x[index], candidates.t[index])
        return WeightedPoints(points, weights if self.unbiased else jnp.ones_like(weights), index)
