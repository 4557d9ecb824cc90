"""Features of time and their derivatives, which enter the networks as operands."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from transjet.errors import ConfigError

Array = jax.Array


@dataclass(frozen=True)
class TimeFeatures:
    """tau(t) = (2t - 1, sin(pi k t), cos(pi k t) for k = 1..frequencies), for 0 <= t <= 1.

    Raises:
        ConfigError: a negative number of frequencies.
    """

    frequencies: int = 0

    def __post_init__(self) -> None:
        if self.frequencies < 0:
            raise ConfigError(f"time features: frequencies: expected 0 or more; got {self.frequencies}")

    @property
    def count(self) -> int:
        """Number of features f."""
        return 1 + 2 * self.frequencies

    def __call__(self, t: Array) -> tuple[Array, Array]:
        """Features and derivatives with respect to t, each (n, f), for t (n,)."""
        omega = math.pi * jnp.arange(1, self.frequencies + 1, dtype=t.dtype)
        angle = t[:, None] * omega
        sin, cos = jnp.sin(angle), jnp.cos(angle)
        line = t[:, None]
        tau = jnp.concatenate([2 * line - 1, sin, cos], axis=1)
        return tau, jnp.concatenate([jnp.full_like(line, 2), omega * cos, -omega * sin], axis=1)
