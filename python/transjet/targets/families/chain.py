"""Random chains of coupled double wells, solved by their transfer matrix."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets.families.core import Core
from transjet.targets.families.drawing import log_uniform

# Sums over so many nodes, within which densities fall by exp(-45), converge exponentially.
_NODES = 129
_DEPTH = 45.0


def chain(rng: np.random.Generator, dim: int) -> Core:
    """Draw a chain of sites in double wells of barriers of 0.5 to 4 nats, coupled to neighbours by 0.3 to 3."""
    return coupled_wells(dim, float(rng.uniform(0.5, 4.0)), float(log_uniform(rng, 0.3, 3.0)))


def coupled_wells(dim: int, barrier: float, coupling: float) -> Core:
    """Build the chain, -log rho = sum_i barrier (z_i^2 - 1)^2 + 1/2 coupling sum_i (z_{i+1} - z_i)^2 with free ends.

    The phi^4 field in one dimension. Its transfer matrix on a grid gives log Z and the moments of every site, and
    conditional distributions, site after site, give exact samples. Of its modes the two uniform ones are listed, all
    sites at -1 or +1, nearest to which lies one half of the mass each: the density is even.

    Args:
        dim: number of sites, at least 2.
        barrier: of every site, positive.
        coupling: of neighbours, positive.

    Returns:
        The core.
    """
    reach = math.sqrt(1.0 + math.sqrt(_DEPTH / barrier))
    grid = np.linspace(-reach, reach, _NODES)
    site = np.exp(-barrier * (grid**2 - 1.0) ** 2)
    messages, log_z, marginals = _solve(dim, grid, site, coupling)
    with np.errstate(divide="ignore"):
        tables = np.maximum(
            np.log(site * messages), -80.0
        )  # of site i given its left neighbour, but for their coupling

    def log_density(z: jax.Array) -> jax.Array:
        return -barrier * jnp.sum((z**2 - 1.0) ** 2) - 0.5 * coupling * jnp.sum(jnp.diff(z) ** 2)

    def sample(key: jax.Array, n: int) -> jax.Array:
        u = jax.random.uniform(key, (dim, n))
        nodes = jnp.asarray(grid, u.dtype)

        def draw(left: jax.Array, part: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
            u, table, strength = part
            z = _invert(u, table - 0.5 * strength * (nodes - left[:, None]) ** 2, nodes)
            return z, z

        strengths = jnp.full(dim, coupling, u.dtype).at[0].set(0.0)
        return jax.lax.scan(draw, jnp.zeros_like(u[0]), (u, jnp.asarray(tables, u.dtype), strengths))[1].T

    return Core(
        dim=dim,
        log_density=log_density,
        log_z=log_z,
        sample=sample,
        description=f"a chain of {dim} double wells of barrier {barrier:.2g}, coupled by {coupling:.2g}",
        mean=np.zeros(dim),
        std=np.sqrt(marginals @ grid**2),
        modes=np.outer([-1.0, 1.0], np.ones(dim)),
        mode_weights=np.full(2, 0.5),
    )


def _solve(dim: int, grid: np.ndarray, site: np.ndarray, coupling: float) -> tuple[np.ndarray, float, np.ndarray]:
    """Messages from the right (dim, nodes), each of largest value one; log Z; probabilities of nodes (dim, nodes)."""
    step = grid[1] - grid[0]
    transfer = step * np.exp(-0.5 * coupling * (grid[:, None] - grid) ** 2)
    messages, log_scale = np.ones((dim, len(grid))), 0.0
    for i in range(dim - 2, -1, -1):
        message = transfer @ (site * messages[i + 1])
        log_scale += math.log(message.max())
        messages[i] = message / message.max()
    log_z = log_scale + math.log(step * float(site @ messages[0]))
    marginals, left = np.empty_like(messages), np.ones(len(grid))
    for i in range(dim):
        joint = left * site * messages[i]
        marginals[i] = joint / joint.sum()
        left = transfer @ (left * site)
        left /= left.max()
    return messages, log_z, marginals


def _invert(u: jax.Array, logs: jax.Array, nodes: jax.Array) -> jax.Array:
    """Quantiles u (n,) of densities whose logs (n, nodes) are linear between nodes.

    Of a smooth density, that changes no moment by more than the fourth power of the distance of nodes.
    """
    density = jnp.exp(logs)
    rise, sums = jnp.diff(logs, axis=1), 0.5 * (density[:, 1:] + density[:, :-1])
    flat = jnp.abs(rise) < 1e-2  # where a division would cost digits, and the error of a straight line is below 1e-5
    masses = jnp.where(flat, sums, jnp.diff(density, axis=1) / jnp.where(flat, 1.0, rise))
    upto = jnp.cumsum(masses, axis=1)
    wanted = u[:, None] * upto[:, -1:]
    cell = jnp.clip(jnp.sum(upto < wanted, axis=1, keepdims=True), 0, masses.shape[1] - 1)
    mass, rise, upto = (jnp.take_along_axis(values, cell, axis=1)[:, 0] for values in (masses, rise, upto))
    share = jnp.clip((wanted[:, 0] - upto + mass) / mass, 0.0, 1.0)
    flat = jnp.abs(rise) < 1e-2
    slope = jnp.where(flat, 1.0, rise)
    within = jnp.where(flat, share, jnp.log1p(share * jnp.expm1(slope)) / slope)
    return nodes[cell[:, 0]] + (nodes[1] - nodes[0]) * within
