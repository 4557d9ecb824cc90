"""Gaussian points whose scale and centre move from the prior's to the target's with time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from transjet.collocation.points import Drift, Points
from transjet.collocation.times import Times
from transjet.errors import ConfigError, ShapeError

Array = jax.Array


@dataclass(frozen=True)
class GaussianTube:
    """x ~ N(t centre, s(t)^2 I) with s(t) between the prior's scale and the target's.

    In many dimensions a Gaussian lives on a shell of radius s sqrt(d): points of one fixed scale miss the flow at most
    times, those of the tube follow its size.

    Attributes:
        dim: d.
        start: s(0), the prior's standard deviation.
        end: s(1), about the target's.
        centre: mean at t = 1, d numbers; empty: 0.
        geometric: s(t) = start^(1-t) end^t; False: s(t)^2 = (1-t) start^2 + t end^2.
        widen: factor on s(t) at all times; above 1 covers what the interpolation leaves out.
        times: distribution of t.

    Raises:
        ShapeError: a centre that has not d coordinates.
        ConfigError: a dim, scale or factor that is not positive and finite.
    """

    dim: int
    start: float = 1.0
    end: float = 1.0
    centre: tuple[float, ...] = ()
    geometric: bool = False
    widen: float = 1.0
    times: Times = field(default_factory=Times)

    def __post_init__(self) -> None:
        scales = (self.start, self.end, self.widen)
        if self.dim < 1 or not all(s > 0 and math.isfinite(s) for s in scales):
            raise ConfigError(f"tube: expected positive dim, start, end and widen; got {self.dim} and {scales}")
        if len(self.centre) not in (0, self.dim):
            raise ShapeError(f"tube: centre: expected {self.dim} coordinates; got {len(self.centre)}")
        if not all(map(math.isfinite, self.centre)):
            raise ConfigError(f"tube: centre: expected finite coordinates; got {self.centre}")

    def std(self, t: Array) -> Array:
        """Standard deviation of the points at times t (n,), shape (n,)."""
        if self.geometric:
            return self.widen * self.start * (self.end / self.start) ** t
        return self.widen * jnp.sqrt((1 - t) * self.start**2 + t * self.end**2)

    def refresh(self, key: Array, drift: Drift, dtype: Any) -> tuple[()]:
        """Nothing to cache."""
        return ()

    def draw(self, key: Array, cache: Any, n: int, progress: Array, dtype: Any) -> Points:
        """n independent points."""
        key_x, key_t = jax.random.split(key)
        t = self.times.draw(key_t, n, progress, dtype)
        x = self.std(t)[:, None] * jax.random.normal(key_x, (n, self.dim), dtype)
        if self.centre:
            x = x + t[:, None] * jnp.asarray(self.centre, dtype)
        return Points(x, t)
