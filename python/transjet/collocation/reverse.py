"""Points on trajectories that end in the target: followed back in time from samples of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from transjet.collocation.along import advance, midpoint_path, points_on
from transjet.collocation.mala import mala
from transjet.collocation.points import Divergence, Drift, Flow, Points
from transjet.collocation.resample import systematic, tempered
from transjet.collocation.times import Times
from transjet.errors import ConfigError, ShapeError
from transjet.paths import Prior

Array = jax.Array


@dataclass(frozen=True)
class ReverseTrajectories:
    """Points of cached trajectories that are integrated back from t = 1.

    They start at given samples of the target; without these at the flow's own samples, resampled by their importance
    weights and moved by a few Langevin steps under the target. Forward trajectories only visit what the flow reaches
    already, these visit what it ought to reach.

    Attributes:
        prior: of the flow.
        log_density: log rho of one point (d,).
        samples: of the target, (m, d); None: the flow's own. Then the drift must be a `Flow` with a divergence.
        particles: trajectories in the cache.
        steps: time steps of the midpoint rule.
        moves: Langevin steps after resampling.
        least_ess: weights are tempered until their effective sample size is this share of the particles: those of an
            untrained flow would leave a single particle.
        noise: standard deviation of the displacement of noisy points.
        noisy: share of the points that are displaced.
        radius: coordinates are clipped to [-radius, radius].
        times: distribution of t.

    Raises:
        ShapeError: samples of another shape.
        ConfigError: a value out of range.
    """

    prior: Prior
    log_density: Callable[[Array], Array]
    samples: Any = field(default=None, compare=False)
    particles: int = 1024
    steps: int = 32
    moves: int = 5
    least_ess: float = 0.2
    noise: float = 0.0
    noisy: float = 0.5
    radius: float = 1e3
    times: Times = field(default_factory=Times)

    def __post_init__(self) -> None:
        if self.samples is not None and (jnp.ndim(self.samples) != 2 or jnp.shape(self.samples)[1] != self.prior.dim):
            raise ShapeError(f"reverse: samples: expected (m, {self.prior.dim}); got {jnp.shape(self.samples)}")
        if self.samples is not None and not jnp.shape(self.samples)[0]:
            raise ShapeError("reverse: samples: expected at least one; got none")
        if min(self.particles, self.steps) < 1 or self.moves < 0:
            raise ConfigError(
                "reverse: expected particles, steps >= 1 and moves >= 0; "
                f"got {self.particles}, {self.steps}, {self.moves}"
            )
        if not (0 < self.least_ess <= 1 and self.noise >= 0 and 0 <= self.noisy <= 1 and self.radius > 0):
            raise ConfigError(
                "reverse: expected 0 < least_ess <= 1, noise >= 0, 0 <= noisy <= 1, radius > 0; "
                f"got {self.least_ess}, {self.noise}, {self.noisy}, {self.radius}"
            )

    def refresh(self, key: Array, drift: Drift, dtype: Any) -> Array:
        """Trajectories into the target, at times 0 to 1 in order, (steps + 1, particles, d).

        Raises:
            ConfigError: no samples, and a drift that is no `Flow` with a divergence.
        """
        end = self._given(key, dtype) if self.samples is not None else self._own(key, drift, dtype)
        return midpoint_path(drift, jnp.clip(end, -self.radius, self.radius), self.steps, self.radius, reverse=True)

    def _given(self, key: Array, dtype: Any) -> Array:
        samples = jnp.asarray(self.samples, dtype)
        m = samples.shape[0]
        return samples[jax.random.permutation(key, m)[jnp.arange(self.particles) % m]]

    def _own(self, key: Array, drift: Drift, dtype: Any) -> Array:
        if not isinstance(drift, Flow) or drift.divergence is None:
            raise ConfigError(
                "reverse: expected a Flow with a divergence, which weighs the flow's own samples; got a plain drift. "
                "Give samples of the target instead"
            )
        key_start, key_choice, key_move = jax.random.split(key, 3)
        start = self.prior.sample(key_start, self.particles, dtype)
        x, log_q = _push(drift, drift.divergence, start, self.prior.log_density(start), self.steps, self.radius)
        log_w = tempered(jax.vmap(self.log_density)(x) - log_q, self.least_ess)
        x = x[systematic(key_choice, log_w, self.particles)]
        if not self.moves:
            return x
        return mala(key_move, self.log_density, x, jnp.asarray(0.01 * self.prior.std**2, dtype), self.moves).x

    def draw(self, key: Array, cache: Array, n: int, progress: Array, dtype: Any) -> Points:
        """n points: a particle without replacement while they last, linear interpolation, noise."""
        key_particle, key_time, key_noise, key_noisy = jax.random.split(key, 4)
        t = self.times.draw(key_time, n, progress, dtype)
        return points_on((key_particle, key_noise, key_noisy), cache, t, self.noise, self.noisy)


def _push(flow: Flow, divergence: Divergence, x: Array, log_q: Array, steps: int, radius: float) -> tuple[Array, Array]:
    """The flow's particles at t = 1 and their log densities, by the midpoint rule."""
    h = jnp.asarray(1 / steps, x.dtype)

    def step(carry: tuple[Array, Array], t: Array) -> tuple[tuple[Array, Array], None]:
        x, log_q = carry
        half = x + h / 2 * flow(x, jnp.full(x.shape[:1], t, x.dtype))
        velocity, change = divergence(half, jnp.full(x.shape[:1], t + h / 2, x.dtype))
        return (advance(x, x + h * velocity, radius), log_q - h * change), None

    return jax.lax.scan(step, (x, log_q), h * jnp.arange(steps, dtype=x.dtype))[0]
