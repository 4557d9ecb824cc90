"""A mixture of collocation distributions whose shares change as training goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from transjet.collocation.adaptive import ResidualAdaptive
from transjet.collocation.points import Collocation, Drift, Points
from transjet.errors import ConfigError

Array = jax.Array


@dataclass(frozen=True)
class Mixture:
    """Every point comes from one component, chosen with shares that move linearly from `start` to `end`.

    Attributes:
        components: the distributions.
        start: their shares at the phase's beginning.
        end: their shares from `settled` on; None: those of the beginning.
        settled: progress at which the shares stop changing.

    Raises:
        ConfigError: shares that are negative, all zero, or not one per component.
    """

    components: tuple[Collocation, ...]
    start: tuple[float, ...]
    end: tuple[float, ...] | None = None
    settled: float = 0.7

    def __post_init__(self) -> None:
        if any(isinstance(c, ResidualAdaptive) for c in self.components):
            raise ConfigError(
                "mixture: expected components without weights; got an adaptive one; make the mixture its base"
            )
        for name, shares in (("start", self.start), ("end", self._last)):
            if len(shares) != len(self.components) or not all(s >= 0 for s in shares) or not 0 < sum(shares) < math.inf:
                count = len(self.components)
                raise ConfigError(f"mixture: {name}: expected {count} shares >= 0, not all zero; got {shares}")
        if not 0 < self.settled <= 1:
            raise ConfigError(f"mixture: settled: expected a progress in (0, 1]; got {self.settled}")

    @property
    def _last(self) -> tuple[float, ...]:
        return self.start if self.end is None else self.end

    def refresh(self, key: Array, drift: Drift, dtype: Any) -> tuple[Any, ...]:
        """The components' caches."""
        keys = jax.random.split(key, len(self.components))
        return tuple(c.refresh(k, drift, dtype) for c, k in zip(self.components, keys, strict=True))

    def shares(self, progress: Array) -> Array:
        """The components' shares at a given progress."""
        first, last = (jnp.asarray(s, progress.dtype) / sum(s) for s in (self.start, self._last))
        way = jnp.clip(progress / self.settled, 0, 1)
        return (1 - way) * first + way * last

    def draw(self, key: Array, cache: tuple[Any, ...], n: int, progress: Array, dtype: Any) -> Points:
        """n points; every component draws n, of which its share is kept, so that shapes do not depend on progress."""
        key_choice, *keys = jax.random.split(key, 1 + len(self.components))
        choice = jax.random.categorical(key_choice, jnp.log(self.shares(progress)), shape=(n,))
        draws = [c.draw(k, m, n, progress, dtype) for c, k, m in zip(self.components, keys, cache, strict=True)]
        x, t = jnp.stack([d.x for d in draws]), jnp.stack([d.t for d in draws])
        return Points(x[choice, jnp.arange(n)], t[choice, jnp.arange(n)])
