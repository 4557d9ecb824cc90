"""Points along trajectories of the current flow: where the samples will be, in any dimension.

Uniform points do not meet the typical set of a distribution in many dimensions; trajectories of the flow that is being
trained do. They are integrated for a whole cloud of particles at once, cached, and drawn from until the next refresh.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from transjet.collocation.along import midpoint_path, points_on
from transjet.collocation.points import Drift, Points
from transjet.collocation.times import Times
from transjet.errors import ConfigError
from transjet.paths import Prior

Array = jax.Array


@dataclass(frozen=True)
class Trajectories:
    """Points of cached trajectories, some of them displaced by noise.

    Attributes:
        prior: where trajectories start.
        particles: trajectories in the cache.
        steps: time steps of the midpoint rule.
        noise: standard deviation of the displacement of noisy points.
        noisy: share of the points that are displaced.
        spread: every particle's start is scaled by exp(spread xi), xi ~ N(0, 1). In many dimensions the prior lives on
            a thin shell, where a flow that contracts all of space is hardly punished; scaled starts make it visible.
        coordinates: scale every coordinate by a factor of its own instead. The flow carries this scatter along, so that
            it is as narrow or wide as the flow is there, unlike noise.
        radius: coordinates are clipped to [-radius, radius], so that an untrained drift cannot run away.
        antithetic: particles start in pairs z, -z, so that points of a symmetric problem are symmetric.
        times: distribution of t.

    Raises:
        ConfigError: a value out of range.
    """

    prior: Prior
    particles: int = 1024
    steps: int = 32
    noise: float = 0.3
    noisy: float = 0.5
    spread: float = 0.0
    radius: float = 1e3
    antithetic: bool = False
    coordinates: bool = False
    times: Times = field(default_factory=Times)

    def __post_init__(self) -> None:
        if self.particles < 1 or self.steps < 1:
            raise ConfigError(f"trajectories: expected particles, steps >= 1; got {self.particles}, {self.steps}")
        if not (self.noise >= 0 and self.spread >= 0 and 0 <= self.noisy <= 1 and self.radius > 0):
            raise ConfigError(
                "trajectories: expected noise, spread >= 0, 0 <= noisy <= 1, radius > 0; "
                f"got {self.noise}, {self.spread}, {self.noisy}, {self.radius}"
            )

    def refresh(self, key: Array, drift: Drift, dtype: Any) -> Array:
        """Trajectories from the prior under the current drift, (steps + 1, particles, d)."""
        key_start, key_scale = jax.random.split(key)
        start = self.prior.sample(key_start, self.particles, dtype, antithetic=self.antithetic)
        start = start * jnp.exp(self.spread * self._scatter(key_scale, dtype))
        return midpoint_path(drift, start, self.steps, self.radius)

    def _scatter(self, key: Array, dtype: Any) -> Array:
        """Normal numbers per particle, (particles, 1 or d), the same ones for both of a pair."""
        wide = self.prior.dim if self.coordinates else 1
        if not self.antithetic:
            return jax.random.normal(key, (self.particles, wide), dtype)
        half = jax.random.normal(key, ((self.particles + 1) // 2, wide), dtype)
        return jnp.concatenate([half, half])[: self.particles]

    def draw(self, key: Array, cache: Array, n: int, progress: Array, dtype: Any) -> Points:
        """n points: a particle without replacement while they last, a uniform time, linear interpolation, noise."""
        key_particle, key_time, key_noise, key_noisy = jax.random.split(key, 4)
        t = self.times.draw(key_time, n, progress, dtype)
        return points_on((key_particle, key_noise, key_noisy), cache, t, self.noise, self.noisy)
