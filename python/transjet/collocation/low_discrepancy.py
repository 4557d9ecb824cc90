"""Points that fill a box more evenly than independent ones: a Sobol sequence, shifted at random at every draw."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import qmc

from transjet.collocation.fixed import UniformBox
from transjet.collocation.points import Points

Array = jax.Array
_BITS = 24  # of a coordinate: what a float32 in [0, 1) holds exactly


@lru_cache(maxsize=8)
def _sobol(dim: int, n: int) -> np.ndarray:
    """The first n points of the sequence as whole numbers below 2^_BITS, (n, dim)."""
    exponent = max(0, n - 1).bit_length()
    points = qmc.Sobol(dim, scramble=False, bits=30).random_base2(exponent)[:n]
    return (points * 2**_BITS).astype(np.uint32)


@dataclass(frozen=True)
class SobolBox(UniformBox):
    """x in a box and t in [0, 1] from a Sobol sequence in d + 1 dimensions with a random digital shift.

    A digital shift (exclusive or of the points' bits with random ones) makes every single point uniform and keeps how
    evenly they lie among each other, so the mean over the points is an unbiased estimate of the uniform loss, of
    smaller variance where the residual is smooth and d small. Powers of two are the best numbers of points.

    Attributes:
        lower: lower corner, d numbers.
        upper: upper corner, d numbers.
        times: distribution of t.

    Raises:
        ShapeError, ConfigError: as `UniformBox`.
    """

    def draw(self, key: Array, cache: Any, n: int, progress: Array, dtype: Any) -> Points:
        """n points, which depend on each other."""
        dim = len(self.lower)
        shift = jax.random.bits(key, (dim + 1,), jnp.uint32) >> (32 - _BITS)
        # Half a unit: a point stands for the middle of its cell, and 0 and 1 are never hit.
        u = (jnp.asarray(_sobol(dim + 1, n)) ^ shift).astype(dtype) / 2**_BITS + jnp.asarray(0.5 / 2**_BITS, dtype)
        u = jnp.minimum(u, 1 - jnp.finfo(dtype).epsneg)
        lower, upper = jnp.asarray(self.lower, dtype), jnp.asarray(self.upper, dtype)
        return Points(lower + (upper - lower) * u[:, :-1], self.times.of_uniform(u[:, -1], progress))
