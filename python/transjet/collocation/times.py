"""Times of collocation points: uniform, or a curriculum that lets later times in little by little."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from transjet.errors import ConfigError

Array = jax.Array


@dataclass(frozen=True)
class Times:
    """t in [0, e(progress)] with a density proportional to t^power.

    The range's end e moves linearly from `start` to 1 while progress goes from 0 to `settled`: with a short range at
    first, the flow is learned from the prior on. Weights of points are not corrected for it: it is another loss,
    with the same solution wherever its times reach.

    Attributes:
        start: the range's end at the beginning of the phase, in (0, 1].
        settled: progress from which on the range is [0, 1].
        power: above -1; 0 is uniform, above it later times are more frequent.

    Raises:
        ConfigError: a value out of range.
    """

    start: float = 1.0
    settled: float = 0.5
    power: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.start <= 1 or not 0 < self.settled <= 1:
            raise ConfigError(f"times: expected start and settled in (0, 1]; got {self.start} and {self.settled}")
        if not -1 < self.power < math.inf:
            raise ConfigError(f"times: power: expected a number above -1; got {self.power}")

    def end(self, progress: Array) -> Array:
        """End of the range at a given progress, a scalar."""
        return self.start + (1 - self.start) * jnp.clip(progress / self.settled, 0, 1)

    def of_uniform(self, u: Array, progress: Array) -> Array:
        """Times (n,) from numbers uniform in [0, 1), (n,)."""
        t = u if self.power == 0 else u ** (1 / (1 + self.power))
        return t if self.start == 1 else t * self.end(progress).astype(u.dtype)

    def draw(self, key: Array, n: int, progress: Array, dtype: Any) -> Array:
        """n independent times, (n,)."""
        return self.of_uniform(jax.random.uniform(key, (n,), dtype), progress)
