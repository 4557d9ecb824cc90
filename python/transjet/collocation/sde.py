"""Points along trajectories of a diffusion: they spread around the flow by themselves, without noise added by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from transjet.collocation.along import advance, points_on
from transjet.collocation.points import Drift, Flow, Points
from transjet.collocation.times import Times
from transjet.errors import ConfigError
from transjet.paths import Prior

Array = jax.Array


@dataclass(frozen=True)
class SdeTrajectories:
    """Points of cached trajectories of dX = b dt + sigma dW, by Euler-Maruyama.

    With a `Flow` that has a score, b = velocity + sigma^2/2 grad V: once the equation is solved the diffusion has the
    densities of the flow, and before, points leave places that V holds for empty (identity 2 of logFP and logCE,
    arXiv 2407.07873). With any other drift, b is that drift.

    Attributes:
        prior: where trajectories start.
        sigma: diffusion coefficient.
        particles: trajectories in the cache.
        steps: time steps.
        radius: coordinates are clipped to [-radius, radius].
        antithetic: particles start in pairs z, -z.
        times: distribution of t.

    Raises:
        ConfigError: a value out of range.
    """

    prior: Prior
    sigma: float = 1.0
    particles: int = 1024
    steps: int = 64
    radius: float = 1e3
    antithetic: bool = False
    times: Times = field(default_factory=Times)

    def __post_init__(self) -> None:
        if self.particles < 1 or self.steps < 1:
            raise ConfigError(f"sde: expected particles, steps >= 1; got {self.particles}, {self.steps}")
        if not (self.sigma > 0 and math.isfinite(self.sigma) and self.radius > 0):
            raise ConfigError(f"sde: expected positive sigma and radius; got {self.sigma} and {self.radius}")

    def refresh(self, key: Array, drift: Drift, dtype: Any) -> Array:
        """Trajectories from the prior under the current drift, (steps + 1, particles, d)."""
        key_start, key_noise = jax.random.split(key)
        start = self.prior.sample(key_start, self.particles, dtype, antithetic=self.antithetic)
        h = jnp.asarray(1 / self.steps, dtype)

        def step(x: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
            t, key = now
            noise = self.sigma * jnp.sqrt(h) * jax.random.normal(key, x.shape, dtype)
            rate = self._rate(drift, x, jnp.full(x.shape[:1], t, dtype))
            moved = advance(x, x + h * rate + noise, self.radius)
            return moved, moved

        times = h * jnp.arange(self.steps, dtype=dtype)
        _, path = jax.lax.scan(step, start, (times, jax.random.split(key_noise, self.steps)))
        return jnp.concatenate([start[None], path])

    def _rate(self, drift: Drift, x: Array, t: Array) -> Array:
        if not isinstance(drift, Flow) or drift.score is None:
            return drift(x, t)
        return drift(x, t) + 0.5 * self.sigma**2 * drift.score(x, t)

    def draw(self, key: Array, cache: Array, n: int, progress: Array, dtype: Any) -> Points:
        """n points: a particle without replacement while they last, between two steps a Brownian bridge."""
        key_particle, key_time, key_noise = jax.random.split(key, 3)
        t = self.times.draw(key_time, n, progress, dtype)
        return points_on((key_particle, key_noise, key_noise), cache, t, 0.0, 0.0, bridge=self.sigma)
