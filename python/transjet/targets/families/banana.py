"""Random bananas: Gaussians bent by maps of determinant one."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets.families.core import Core
from transjet.targets.families.drawing import log_uniform


def banana(rng: np.random.Generator, dim: int) -> Core:
    """Draw a Gaussian bent along 1 to d/2 parabolas, turned.

    Parabolas run along coordinates of standard deviation 1 and rise by 0.5 to 2 at one of these; the coordinates
    that they bend are 0.1 to 0.5 wide, the ones left 0.2 to 1.
    """
    bends = int(rng.integers(1, dim // 2 + 1))
    scales = np.concatenate([log_uniform(rng, 0.1, 0.5, bends), log_uniform(rng, 0.2, 1.0, dim - 2 * bends)])
    return bent_gaussian(rng.choice([-1.0, 1.0], bends) * log_uniform(rng, 0.5, 2.0, bends), scales)


def bent_gaussian(curvatures: np.ndarray, scales: np.ndarray) -> Core:
    """Build a bent Gaussian, normalised: b_k = curvature_k (a_k^2 - 1) + scale_k noise, with a ~ N(0, I).

    Coordinates stay uncorrelated, as the third moments of a vanish.

    Args:
        curvatures: (k,) one per bend.
        scales: (k + g,) widths of the bent coordinates b, then standard deviations of those left straight.

    Returns:
        The core, of log_z 0, in coordinates (a, b, straight ones).
    """
    bends = len(curvatures)
    dim = bends + len(scales)
    log_constant = -0.5 * dim * math.log(2.0 * math.pi) - float(np.log(scales).sum())
    bent = scales**2
    bent[:bends] += 2.0 * curvatures**2

    def shift(a: jax.Array) -> jax.Array:
        # As a product, the difference of squares keeps its digits in float32.
        return jnp.asarray(curvatures, a.dtype) * (a - 1.0) * (a + 1.0)

    def log_density(z: jax.Array) -> jax.Array:
        a, rest = z[:bends], z[bends:]
        straight = jnp.concatenate([rest[:bends] - shift(a), rest[bends:]]) / jnp.asarray(scales, z.dtype)
        return log_constant - 0.5 * (jnp.sum(a**2) + jnp.sum(straight**2))

    def sample(key: jax.Array, n: int) -> jax.Array:
        noise = jax.random.normal(key, (n, dim))
        a, rest = noise[:, :bends], noise[:, bends:] * jnp.asarray(scales, noise.dtype)
        return jnp.concatenate([a, rest[:, :bends] + shift(a), rest[:, bends:]], axis=1)

    return Core(
        dim=dim,
        log_density=log_density,
        log_z=0.0,
        sample=sample,
        description=f"a Gaussian bent along {bends} parabola{'s' if bends > 1 else ''}, turned",
        mean=np.zeros(dim),
        covariance=np.diag(np.concatenate([np.ones(bends), bent])),
        turns=True,
    )
