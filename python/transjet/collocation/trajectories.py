"""Points along trajectories of the current flow: where the samples will be, in any dimension.

Uniform points do not meet the typical set of a distribution in many dimensions; trajectories of the flow that is being
trained do. They are integrated for a whole cloud of particles at once, cached, and drawn from until the next refresh.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from transjet.collocation.points import Drift, Points
from transjet.errors import ConfigError
from transjet.paths import GaussianPrior

Array = jax.Array


@dataclass(frozen=True)
class Trajectories:
    """Points of cached trajectories, at uniform times, some of them displaced by noise.

    Attributes:
        prior: where trajectories start.
        particles: trajectories in the cache.
        steps: time steps of the midpoint rule.
        noise: standard deviation of the displacement of noisy points.
        noisy: share of the points that are displaced.
        spread: every particle's start is scaled by exp(spread xi), xi ~ N(0, 1). In many dimensions the prior lives on
            a thin shell, where a flow that contracts all of space is hardly punished; scaled starts make it visible.
        radius: coordinates are clipped to [-radius, radius], so that an untrained drift cannot run away.

    Raises:
        ConfigError: a value out of range.
    """

    prior: GaussianPrior
    particles: int = 1024
    steps: int = 32
    noise: float = 0.3
    noisy: float = 0.5
    spread: float = 0.0
    radius: float = 1e3

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
        start = self.prior.sample(key_start, self.particles, dtype)
        start = start * jnp.exp(self.spread * jax.random.normal(key_scale, (self.particles, 1), dtype))
        h = jnp.asarray(1 / self.steps, dtype)

        def step(x: Array, t: Array) -> tuple[Array, Array]:
            half = x + h / 2 * drift(x, jnp.full(x.shape[:1], t, dtype))
            moved = x + h * drift(half, jnp.full(x.shape[:1], t + h / 2, dtype))
            # NaN would spread over the cache: a particle whose drift is not finite stays where it is, as a whole.
            finite = jnp.isfinite(moved).all(axis=-1, keepdims=True)
            moved = jnp.where(finite, jnp.clip(moved, -self.radius, self.radius), x)
            return moved, moved

        _, path = jax.lax.scan(step, start, h * jnp.arange(self.steps, dtype=dtype))
        return jnp.concatenate([start[None], path])

    def draw(self, key: Array, cache: Array, n: int, progress: Array, dtype: Any) -> Points:
        """n points: a particle without replacement while they last, a uniform time, linear interpolation, noise."""
        key_particle, key_time, key_noise, key_noisy = jax.random.split(key, 4)
        order = jax.random.permutation(key_particle, self.particles)
        particle = order[jnp.arange(n) % self.particles]
        t = jax.random.uniform(key_time, (n,), dtype)
        position = t * self.steps
        index = jnp.clip(position.astype(int), 0, self.steps - 1)
        share = (position - index.astype(dtype))[:, None]
        x = cache[index, particle] * (1 - share) + cache[index + 1, particle] * share
        moved = jax.random.bernoulli(key_noisy, self.noisy, (n, 1))
        return Points(x + jnp.where(moved, self.noise * jax.random.normal(key_noise, x.shape, dtype), 0), t)
