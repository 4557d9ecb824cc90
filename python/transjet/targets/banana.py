"""The banana: a Gaussian bent along a parabola."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets import _checks
from transjet.targets.base import Target, pointwise


def banana(scale: float = 10.0, curvature: float = 0.03, *, name: str = "banana") -> Target:
    """Build the banana, x_0 ~ N(0, scale^2) and x_1 | x_0 ~ N(curvature (x_0^2 - scale^2), 1), normalised.

    The bent Gaussian of Haario, Saksman and Tamminen (1999), with the numbers of the Inference Gym. It is an image of a
    Gaussian under a map of determinant one, so log Z = 0, and sampler and moments are exact:
    var x_1 = 1 + 2 curvature^2 scale^4.

    Args:
        scale: standard deviation of x_0, positive.
        curvature: how much it is bent; 0 leaves a Gaussian.
        name: name of the target.

    Returns:
        The target, with log_z 0, an exact sampler and exact moments.

    Raises:
        ConfigError: ``scale`` is not positive or ``curvature`` not finite.
    """
    scale, bend = _checks.positive(scale, "scale"), _checks.number(curvature, "curvature")
    log_constant = -math.log(2.0 * math.pi) - math.log(scale)
    ends = sorted((-bend * scale**2, 15.0 * bend * scale**2))  # of the parabola, out to 4 standard deviations

    def log_density(x: jax.Array) -> jax.Array:
        # As a product, the difference of squares keeps its digits in float32.
        straight = x[1] - bend * (x[0] - scale) * (x[0] + scale)
        return log_constant - 0.5 * (x[0] / scale) ** 2 - 0.5 * straight**2

    def sample(key: jax.Array, n: int) -> jax.Array:
        z = jax.random.normal(key, (_checks.sample_size(n), 2))
        x = scale * z[:, :1]
        return jnp.concatenate([x, z[:, 1:] + bend * (x - scale) * (x + scale)], axis=1)

    return Target(
        name=name,
        dim=2,
        log_density=pointwise(log_density, 2),
        log_z=0.0,
        sample=sample,
        box=(np.array([-4 * scale, ends[0] - 4]), np.array([4 * scale, ends[1] + 4])),
        mean=np.zeros(2),
        std=np.array([scale, math.sqrt(1.0 + 2.0 * bend**2 * scale**4)]),
        prior_std=5.0,
        description=f"a Gaussian bent along a parabola of curvature {bend:g}",
    )
