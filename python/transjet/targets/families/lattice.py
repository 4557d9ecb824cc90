"""Random Gaussian free fields on periodic lattices."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets.families.core import Core
from transjet.targets.families.drawing import log_uniform


def lattice(rng: np.random.Generator, dim: int) -> Core:
    """Draw a free field on a ring, or on a torus where the dimension is a product of sizes of 3 or more.

    Masses squared are 0.003 to 1, which makes condition numbers of 5 to 2700.
    """
    shapes = [(dim,)] + [(a, dim // a) for a in range(3, dim // 3 + 1) if dim % a == 0 and a <= dim // a]
    return free_field(shapes[int(rng.integers(len(shapes)))], float(log_uniform(rng, 0.003, 1.0)))


def free_field(sizes: tuple[int, ...], mass_squared: float) -> Core:
    """Build the free field, -log rho = 1/2 sum_links (phi_x - phi_y)^2 + 1/2 mass_squared sum_x phi_x^2.

    The Fourier modes of the lattice diagonalise it: log Z is a sum over its dispersion relation.

    Args:
        sizes: of the lattice along its axes, each at least 3.
        mass_squared: positive.

    Returns:
        The core, a Gaussian.
    """
    dim = math.prod(sizes)
    momenta = np.meshgrid(*(2.0 * np.pi * np.arange(size) / size for size in sizes), indexing="ij")
    stiffness = mass_squared + np.sum(2.0 - 2.0 * np.cos(np.array(momenta)), axis=0)
    values, vectors = np.linalg.eigh(_precision(sizes, mass_squared))
    root = vectors / np.sqrt(values)

    def log_density(z: jax.Array) -> jax.Array:
        field = z.reshape(sizes)
        links = sum(jnp.sum((field - jnp.roll(field, 1, axis)) ** 2) for axis in range(len(sizes)))
        return -0.5 * (links + mass_squared * jnp.sum(z**2))

    def sample(key: jax.Array, n: int) -> jax.Array:
        noise = jax.random.normal(key, (n, dim))
        return jnp.matmul(noise, jnp.asarray(root.T, noise.dtype), precision="highest")

    return Core(
        dim=dim,
        log_density=log_density,
        log_z=0.5 * (dim * math.log(2.0 * math.pi) - float(np.log(stiffness).sum())),
        sample=sample,
        description=f"a free field of mass squared {mass_squared:.2g} on {' x '.join(map(str, sizes))} sites",
        mean=np.zeros(dim),
        covariance=root @ root.T,
        modes=np.zeros((1, dim)),
        mode_weights=np.ones(1),
    )


def _precision(sizes: tuple[int, ...], mass_squared: float) -> np.ndarray:
    dim = math.prod(sizes)
    sites = np.arange(dim).reshape(sizes)
    matrix = (mass_squared + 2.0 * len(sizes)) * np.eye(dim)
    for axis in range(len(sizes)):
        neighbours = np.roll(sites, 1, axis).ravel()
        np.subtract.at(matrix, (sites.ravel(), neighbours), 1.0)
        np.subtract.at(matrix, (neighbours, sites.ravel()), 1.0)
    return matrix
