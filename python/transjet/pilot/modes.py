"""Local maxima of a log density, from many starts at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array
_ARMIJO = 1e-4
_LEAST = 1e-8  # variance of a peak, in units of the starts' scale
_ENTRIES = 40_000_000  # of the matrices of all climbers
_NEGLIGIBLE = 15.0  # nats of mass below the largest peak
_ARRIVED = 0.5  # nats that a peak may still lack, twice


class Peaks(NamedTuple):
    """Where climbers ended.

    Attributes:
        x: (n, d).
        value: log density there, (n,).
        covariance: inverse of the negative Hessian there, as far as the climb has told, (n, d, d); positive definite.
        left: what a Newton step would still gain, about, twice, (n,).
    """

    x: Array
    value: Array
    covariance: Array
    left: Array


@partial(jax.jit, static_argnames=("log_density", "iterations"))
def climb(log_density: Callable[[Array], Array], x: Array, iterations: int) -> Peaks:
    """Quasi-Newton ascent (BFGS) from every x (n, d); each iteration evaluates each climber once.

    A step that does not rise enough is tried again at a quarter of its length in the next iteration.

    Args:
        log_density: of one point (d,).
        x: starts, in coordinates of about unit scale, (n, d).
        iterations: evaluations of each climber after the first.
    """
    evaluate = jax.vmap(jax.value_and_grad(log_density))
    n, d = x.shape
    eye = jnp.broadcast_to(jnp.eye(d, dtype=x.dtype), (n, d, d))

    def iterate(carry: Any, _: None) -> tuple[Any, None]:
        x, value, grad, inverse, size = carry
        direction = jnp.einsum("nij,nj->ni", inverse, grad)
        slope = jnp.sum(direction * grad, axis=1)
        length = jnp.sqrt(jnp.sum(direction**2, axis=1))
        size_now = size * jnp.minimum(1, 1 / jnp.maximum(length, 1e-30))  # at most one unit of length at once
        there = x + size_now[:, None] * direction
        new, slope_vector = evaluate(there)
        good = jnp.isfinite(new) & jnp.isfinite(slope_vector).all(axis=1) & (new >= value + _ARMIJO * size_now * slope)
        s, y = there - x, grad - slope_vector
        curved = jnp.sum(s * y, axis=1)
        rho = jnp.where(curved > 1e-12, 1 / jnp.where(curved > 1e-12, curved, 1), 0)
        pulled = jnp.einsum("nij,nj->ni", inverse, y)
        cross = rho[:, None, None] * s[:, :, None] * pulled[:, None, :]
        along = rho * (1 + rho * jnp.sum(y * pulled, axis=1))
        updated = inverse - cross - jnp.swapaxes(cross, 1, 2) + along[:, None, None] * s[:, :, None] * s[:, None, :]
        learn = good & (curved > 1e-12)
        inverse = jnp.where(learn[:, None, None], updated, inverse)
        x, value = jnp.where(good[:, None], there, x), jnp.where(good, new, value)
        grad = jnp.where(good[:, None], slope_vector, grad)
        return (x, value, grad, inverse, jnp.where(good, jnp.minimum(1, 4 * size), size / 4)), None

    value, grad = evaluate(x)
    start = (x, value, jnp.where(jnp.isfinite(grad), grad, 0), eye, jnp.full(n, 0.1, x.dtype))
    (x, value, grad, inverse, _), _ = jax.lax.scan(iterate, start, None, length=iterations)
    values, vectors = jnp.linalg.eigh((inverse + jnp.swapaxes(inverse, 1, 2)) / 2)
    least = jnp.maximum(_LEAST, 1e-5 * values[:, -1:])  # rounding may have left the smallest ones negative
    values = jnp.maximum(values, least)
    covariance = jnp.einsum("nij,nj,nkj->nik", vectors, values, vectors)
    return Peaks(x, value, covariance, jnp.einsum("ni,nij,nj->n", grad, covariance, grad))


def afforded(climbers: int, dim: int) -> int:
    """As many climbers as asked for, or fewer in many dimensions: each keeps a d x d matrix, all together 160 MB."""
    return max(2, min(climbers, _ENTRIES // dim**2))


def distinct(peaks: Peaks, most: int) -> np.ndarray:
    """Indices of peaks that are different ones, those of the largest Laplace approximation of their mass first.

    Two peaks are the same where they lie within two standard deviations of the higher one, by its covariance.
    """
    x, value, covariance, left = (np.asarray(a, float) for a in peaks)
    arrived = np.isfinite(value) & (left < _ARRIVED)
    mass = np.where(arrived, value + 0.5 * np.linalg.slogdet(covariance)[1], -np.inf)
    # What has next to no mass may be a place in a tail where the climb was slow.
    others = mass > mass.max(initial=-np.inf) - _NEGLIGIBLE
    found: list[int] = []
    while len(found) < most and others.any():
        best = int(np.argmax(np.where(others, mass, -np.inf)))
        found.append(best)
        away = x - x[best]
        others &= np.sum((away @ np.linalg.inv(covariance[best])) * away, axis=1) > 4.0
    return np.array(found, int)


def beyond(key: Array, x: Array, count: int) -> Array:
    """Starts between and beyond points (m, d): a + u (b - c) of three of them, u about 1, (count, d)."""
    keys = jax.random.split(key)
    a, b, c = x[jax.random.randint(keys[0], (3, count), 0, len(x))]
    return a + (b - c) * jax.random.uniform(keys[1], (count, 1), x.dtype, 0.5, 1.5)
