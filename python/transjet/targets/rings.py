"""Concentric rings: a density whose modes are curves."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ConfigError
from transjet.targets import _checks
from transjet.targets._tabulated import TabulatedDensity
from transjet.targets.base import Target, pointwise


def rings(radii: Any = (1.0, 3.0, 5.0), precision: float = 100.0, *, name: str = "rings") -> Target:
    """Build concentric rings in the plane, log rho(x) = -precision min_k (|x| - radii_k)^2.

    The three rings of the path integral sampler (arXiv 2111.15141) by default, as the code of arXiv 2307.01198 states
    them. The gradient jumps half-way between rings, where no mass is.

    log Z is the radial integral of 2 pi r rho, by quadrature: 2.304881494 for the defaults. Radii follow that
    density, angles are uniform: the sampler is exact, and so are the moments.

    Args:
        radii: (m,) positive, increasing radii, further apart than the rings are wide.
        precision: 1 / (2 width^2) of a ring, positive.
        name: name of the target.

    Returns:
        The target, with exact log_z, sampler and moments.

    Raises:
        ConfigError: radii that are not positive and increasing, or a precision that is not positive.
    """
    radii, precision = _checks.array(radii, (None,), "radii"), _checks.positive(precision, "precision")
    if len(radii) == 0 or not (np.diff(radii, prepend=0.0) > 0).all():
        raise ConfigError(f"radii must be positive and increasing, got {radii.tolist()}; sort them and drop doubles")
    reach = radii[-1] + 7.0 / math.sqrt(precision)

    def radial(r: np.ndarray) -> np.ndarray:
        return np.log(2 * np.pi * r) - precision * np.min((r[:, None] - radii) ** 2, axis=1)

    table = TabulatedDensity(radial, 0.0, reach)

    def log_density(x: jax.Array) -> jax.Array:
        # The gradient of |x| does not exist at the origin, where it is set to zero.
        square = jnp.sum(x**2)
        at_origin = square == 0
        r = jnp.where(at_origin, 0.0, jnp.sqrt(jnp.where(at_origin, 1.0, square)))
        return -precision * jnp.min((r - jnp.asarray(radii, x.dtype)) ** 2)

    def sample(key: jax.Array, n: int) -> jax.Array:
        key_radius, key_angle = jax.random.split(key)
        r = table.sample(key_radius, (_checks.sample_size(n), 1))
        angle = jax.random.uniform(key_angle, r.shape, r.dtype, maxval=2 * math.pi)
        return r * jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=1)

    return Target(
        name=name,
        dim=2,
        log_density=pointwise(log_density, 2),
        log_z=table.log_z,
        sample=sample,
        box=(np.full(2, -reach), np.full(2, reach)),
        mean=np.zeros(2),
        std=np.full(2, math.sqrt(0.5 * table.expectation(np.square))),
        prior_std=2.0,
        description=f"{len(radii)} concentric rings",
    )
