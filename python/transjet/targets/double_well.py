"""The shifted double well, the smallest target: one dimension, two modes."""

from __future__ import annotations

import math

import jax
import numpy as np

from transjet.targets import _checks
from transjet.targets._quartic import QuarticWell
from transjet.targets.base import Target, pointwise


def double_well(shift: float = 1.5, delta: float = 2.0, *, name: str = "double-well") -> Target:
    """Build the shifted double well, log rho(x) = -((x - shift)^2 - delta)^2 with d = 1.

    Args:
        shift: middle between the wells; away from zero, the prior sees them unequally.
        delta: square of half the distance between the wells, positive.
        name: name of the target.

    Returns:
        The target, with exact log_z, sampler, modes and moments.

    Raises:
        ConfigError: ``delta`` is not positive or ``shift`` is not finite.
    """
    well, middle = QuarticWell(delta), _checks.number(shift, "shift")
    half = math.sqrt(well.delta)

    def log_density(x: jax.Array) -> jax.Array:
        return -(((x[0] - middle) ** 2 - well.delta) ** 2)

    def sample(key: jax.Array, n: int) -> jax.Array:
        return middle + well.sample(key, (_checks.sample_size(n), 1))

    return Target(
        name=name,
        dim=1,
        log_density=pointwise(log_density, 1),
        log_z=well.log_z,
        sample=sample,
        modes=np.array([[middle - half], [middle + half]]),
        mode_weights=np.array([0.5, 0.5]),
        box=(np.array([middle - half - 1.5]), np.array([middle + half + 1.5])),
        mean=np.array([middle]),
        std=np.array([math.sqrt(well.variance)]),
        prior_std=2.0,
        description=f"one double well around {middle:g}, the prior nearer to one of its modes",
    )
