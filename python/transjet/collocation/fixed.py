"""Points from fixed distributions: uniform in a box, or Gaussian."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.collocation.points import Drift, Points
from transjet.collocation.times import Times
from transjet.errors import ConfigError, ShapeError

Array = jax.Array


@dataclass(frozen=True)
class UniformBox:
    """x uniform in a box.

    Attributes:
        lower: lower corner, d numbers.
        upper: upper corner, d numbers.
        times: distribution of t.

    Raises:
        ShapeError: corners of different lengths.
        ConfigError: a box without volume, or without end.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    times: Times = field(default_factory=Times)

    def __post_init__(self) -> None:
        if len(self.lower) != len(self.upper) or not self.lower:
            raise ShapeError(f"box: expected corners of equal length; got {len(self.lower)} and {len(self.upper)}")
        if not np.all(np.asarray(self.lower) < np.asarray(self.upper)):
            raise ConfigError(f"box: expected lower < upper in every coordinate; got {self.lower} and {self.upper}")
        if not np.isfinite([self.lower, self.upper]).all():
            raise ConfigError(
                f"box: expected finite corners; got {self.lower} and {self.upper}. Cut it where hardly any mass is "
                "left, or use a cloud"
            )

    def refresh(self, key: Array, drift: Drift, dtype: Any) -> tuple[()]:
        """Nothing to cache."""
        return ()

    def draw(self, key: Array, cache: Any, n: int, progress: Array, dtype: Any) -> Points:
        """n independent points."""
        key_x, key_t = jax.random.split(key)
        lower, upper = jnp.asarray(self.lower, dtype), jnp.asarray(self.upper, dtype)
        x = jax.random.uniform(key_x, (n, len(self.lower)), dtype, lower, upper)
        return Points(x, self.times.draw(key_t, n, progress, dtype))


@dataclass(frozen=True)
class GaussianCloud:
    """x ~ N(0, std^2 I).

    Attributes:
        dim: d.
        std: standard deviation of every coordinate.
        times: distribution of t.

    Raises:
        ConfigError: a dim or std that is not positive.
    """

    dim: int
    std: float = 1.0
    times: Times = field(default_factory=Times)

    def __post_init__(self) -> None:
        if self.dim < 1 or not self.std > 0:
            raise ConfigError(f"cloud: expected positive dim and std; got {self.dim} and {self.std}")

    def refresh(self, key: Array, drift: Drift, dtype: Any) -> tuple[()]:
        """Nothing to cache."""
        return ()

    def draw(self, key: Array, cache: Any, n: int, progress: Array, dtype: Any) -> Points:
        """n independent points."""
        key_x, key_t = jax.random.split(key)
        x = self.std * jax.random.normal(key_x, (n, self.dim), dtype)
        return Points(x, self.times.draw(key_t, n, progress, dtype))
