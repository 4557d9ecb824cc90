"""What distributions along trajectories have in common: paths in a cache, and points on them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from transjet.collocation.points import Drift, Points

Array = jax.Array


def advance(x: Array, moved: Array, radius: float) -> Array:
    """`moved` (n, d), clipped to [-radius, radius]; a particle without a finite position stays at x, as a whole.

    NaN would spread over the cache.
    """
    finite = jnp.isfinite(moved).all(axis=-1, keepdims=True)
    return jnp.where(finite, jnp.clip(moved, -radius, radius), x)


def midpoint_path(drift: Drift, start: Array, steps: int, radius: float, *, reverse: bool = False) -> Array:
    """Positions along dx/dt = drift by the midpoint rule, at times 0 to 1 in order, (steps + 1, particles, d).

    Args:
        drift: of the flow.
        start: positions at t = 0, or at t = 1 if reverse, (particles, d).
        steps: of equal size.
        radius: coordinates are clipped to [-radius, radius].
        reverse: integrate back from t = 1.
    """
    h = jnp.asarray(1 / steps, start.dtype)
    h, first = (-h, 1.0) if reverse else (h, 0.0)

    def step(x: Array, t: Array) -> tuple[Array, Array]:
        half = x + h / 2 * drift(x, jnp.full(x.shape[:1], t, x.dtype))
        moved = advance(x, x + h * drift(half, jnp.full(x.shape[:1], t + h / 2, x.dtype)), radius)
        return moved, moved

    _, path = jax.lax.scan(step, start, first + h * jnp.arange(steps, dtype=start.dtype))
    path = jnp.concatenate([start[None], path])
    return path[::-1] if reverse else path


def points_on(
    keys: tuple[Array, Array, Array], paths: Array, t: Array, noise: float, noisy: float, bridge: float = 0.0
) -> Points:
    """A point of one path at every time of t.

    Args:
        keys: for the choice of paths, for the displacement, and for the choice of displaced points.
        paths: positions at evenly spaced times from 0 to 1, (steps + 1, particles, d).
        t: times, (n,).
        noise: standard deviation of the displacement of noisy points.
        noisy: share of the points that are displaced.
        bridge: diffusion coefficient of the paths: between two positions they are Brownian bridges.

    Returns:
        Points; a path is drawn without replacement while they last, and interpolated linearly.
    """
    n, steps, particles = t.shape[0], paths.shape[0] - 1, paths.shape[1]
    particle = jax.random.permutation(keys[0], particles)[jnp.arange(n) % particles]
    position = t * steps
    index = jnp.clip(position.astype(int), 0, steps - 1)
    share = (position - index.astype(t.dtype))[:, None]
    x = paths[index, particle] * (1 - share) + paths[index + 1, particle] * share
    moved = jax.random.bernoulli(keys[2], noisy, (n, 1))
    x = x + jnp.where(moved, noise * jax.random.normal(keys[1], x.shape, t.dtype), 0)
    if bridge:
        spread = bridge * jnp.sqrt(share * (1 - share) / steps)
        x = x + spread * jax.random.normal(jax.random.fold_in(keys[1], 1), x.shape, t.dtype)
    return Points(x, t)
