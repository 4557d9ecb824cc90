"""The phi^4 field on a periodic lattice."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets import _checks
from transjet.targets.base import Target, pointwise


def phi4(
    shape: tuple[int, ...] = (14, 14),
    mass_squared: float = -4.75,
    coupling: float = 5.1,
    *,
    name: str | None = None,
) -> Target:
    """Build the phi^4 field, -log rho = sum_links (phi_x - phi_y)^2 + sum_x (mass_squared phi_x^2 + coupling phi_x^4).

    Every pair of neighbours of the periodic lattice is one link. The defaults are those of the codes of annealed flow
    transport, near the transition. log Z is unknown. The density is even, so the mean is zero, and with a negative mass
    squared the two uniform minima hold one half of the mass each.

    Args:
        shape: sizes of the lattice along its axes, each at least 3; the field is flattened row by row.
        mass_squared: m^2, of either sign.
        coupling: lambda, positive.
        name: name of the target; ``phi4-<number of sites>`` by default.

    Returns:
        The target, with its mean and, for a negative mass, modes and their weights.

    Raises:
        ShapeError: a size that is not positive.
        ConfigError: a size below 3, or numbers out of range.
    """
    sizes = _checks.lattice(shape)
    mass, coupling = _checks.number(mass_squared, "mass_squared"), _checks.positive(coupling, "coupling")
    dim = math.prod(sizes)
    modes = None
    if mass < 0:
        modes = math.sqrt(-0.5 * mass / coupling) * np.outer([-1.0, 1.0], np.ones(dim))

    def log_density(x: jax.Array) -> jax.Array:
        field = x.reshape(sizes)
        links = sum(jnp.sum((field - jnp.roll(field, 1, axis)) ** 2) for axis in range(len(sizes)))
        squares = x**2
        return -links - jnp.sum(squares * (mass + coupling * squares))

    return Target(
        name=name or f"phi4-{dim}",
        dim=dim,
        log_density=pointwise(log_density, dim),
        modes=modes,
        mode_weights=None if modes is None else np.full(2, 0.5),
        mean=np.zeros(dim),
        prior_std=0.5,
        description=f"phi^4 field on a periodic lattice of {' x '.join(map(str, sizes))} sites",
    )
