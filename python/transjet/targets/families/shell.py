"""Random shells: mass around concentric spheres."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets._tabulated import TabulatedDensity
from transjet.targets.families.core import Core
from transjet.targets.families.drawing import log_uniform, shares


def shell(rng: np.random.Generator, dim: int) -> Core:
    """Draw 1 to 3 concentric shells, stretched along random axes by up to 2.

    The inner radius is 1, gaps are 0.5 to 1.5 and the width of all is 0.02 to 0.15; weights differ by a factor of up
    to 5.
    """
    count = int(rng.integers(1, 4))
    radii = 1.0 + np.concatenate([np.zeros(1), np.cumsum(rng.uniform(0.5, 1.5, count - 1))])
    weights, width = shares(rng, count, 5.0), float(log_uniform(rng, 0.02, 0.15))
    return shells(radii, width, weights, log_uniform(rng, 1.0, 2.0, dim))


def shells(radii: np.ndarray, width: float, weights: np.ndarray, stretch: np.ndarray) -> Core:
    """Build a mixture of densities proportional to exp(-(r - R_k)^2 / (2 width^2)), r the length of z / stretch.

    Normalisers and moments are radial quadratures, with r^(d-1) times the area of the unit sphere. Radii follow the
    tabulated radial density, directions are uniform.

    Args:
        radii: (m,) positive radii R_k.
        width: of all shells.
        weights: (m,) share of the mass of each, sum one.
        stretch: (d,) factors along the coordinates, d >= 2.

    Returns:
        The core, of log_z 0 by construction and with the quadrature's value.
    """
    dim = len(stretch)
    log_area = math.log(2.0) + 0.5 * dim * math.log(math.pi) - math.lgamma(0.5 * dim)
    reach = float(radii.max()) + width * (math.sqrt(dim - 1.0) + 9.0)
    volume = log_area + float(np.log(stretch).sum())

    def radial(logs: np.ndarray, centres: np.ndarray) -> TabulatedDensity:
        def log_density(r: np.ndarray) -> np.ndarray:
            parts = logs - 0.5 * ((r[:, None] - centres) / width) ** 2
            return (dim - 1) * np.log(r) + np.logaddexp.reduce(parts, axis=1)

        return TabulatedDensity(log_density, 0.0, reach)

    constants = np.log(weights) - volume - [radial(np.zeros(1), radii[k : k + 1]).log_z for k in range(len(radii))]
    table = radial(constants + volume, radii)

    def log_density(z: jax.Array) -> jax.Array:
        square = jnp.sum((z / jnp.asarray(stretch, z.dtype)) ** 2)
        # The gradient of the length does not exist at the origin, where it is set to zero.
        at_origin = square == 0
        r = jnp.where(at_origin, 0.0, jnp.sqrt(jnp.where(at_origin, 1.0, square)))
        parts = jnp.asarray(constants, z.dtype) - 0.5 * ((r - jnp.asarray(radii, z.dtype)) / width) ** 2
        return jax.nn.logsumexp(parts)

    def sample(key: jax.Array, n: int) -> jax.Array:
        key_radius, key_direction = jax.random.split(key)
        r = table.sample(key_radius, (n, 1))
        normal = jax.random.normal(key_direction, (n, dim), r.dtype)
        return r * normal / jnp.linalg.norm(normal, axis=1, keepdims=True) * jnp.asarray(stretch, r.dtype)

    return Core(
        dim=dim,
        log_density=log_density,
        log_z=table.log_z,
        sample=sample,
        description=f"{len(radii)} concentric shell{'s' if len(radii) > 1 else ''} of width {width:.2g}",
        mean=np.zeros(dim),
        covariance=np.diag(table.expectation(np.square) / dim * stretch**2),
        turns=True,
    )
