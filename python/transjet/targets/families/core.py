"""From a density in coordinates of its own to a target anywhere in space, as a user would meet it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets import _checks
from transjet.targets.base import LogDensity, Membership, Sampler, Target, pointwise
from transjet.targets.families.drawing import log_uniform, orthogonal

# Log Z of all targets, scales, and the factor by which a user's idea of the scale may be wrong.
_LOG_Z = 20.0
_SCALES = (0.1, 10.0)
_MISJUDGED = 3.0


@dataclass(frozen=True, eq=False)
class Core:
    """A density in coordinates of its own, with all that is known of it.

    Attributes:
        dim: number of coordinates d.
        log_density: maps one point (d,) to log rho.
        log_z: log of the integral of rho.
        sample: ``sample(key, n)`` draws exact samples (n, d).
        description: one line.
        mean: (d,) mean.
        covariance: (d, d) covariance, if it exists.
        std: (d,) standard deviations, if these alone are known.
        spread: root mean square of a coordinate about the origin, where moments do not exist or mislead.
        modes: (m, d) modes, if there are any.
        mode_weights: (m,) their weights.
        membership: maps points (n, d) to probabilities (n, m) of the modes; None: the nearest one.
        turns: whether a rotation is to be applied.
    """

    dim: int
    log_density: LogDensity
    log_z: float
    sample: Sampler
    description: str
    mean: np.ndarray
    covariance: np.ndarray | None = None
    std: np.ndarray | None = None
    spread: float | None = None
    modes: np.ndarray | None = None
    mode_weights: np.ndarray | None = None
    membership: Membership | None = None
    turns: bool = False

    @cached_property
    def size(self) -> float:
        """Root mean square of a coordinate about the origin, or what stands for it."""
        if self.spread is not None:
            return self.spread
        variance = np.diag(self.covariance) if self.covariance is not None else np.asarray(self.std) ** 2
        return math.sqrt(float(np.mean(variance + self.mean**2)))


class Place:
    """The map x = location + scale * rotation z.

    Args:
        location: (d,) image of the origin.
        scale: positive.
        rotation: (d, d) orthogonal; None: the identity.
    """

    def __init__(self, location: np.ndarray, scale: float, rotation: np.ndarray | None) -> None:
        self.location, self.scale, self.rotation = location, scale, rotation

    def back(self, x: jax.Array) -> jax.Array:
        """One point (d,) in the coordinates of the core, in its dtype; the difference comes first."""
        z = (x - jnp.asarray(self.location, x.dtype)) / self.scale
        if self.rotation is None:
            return z
        return jnp.matmul(jnp.asarray(self.rotation.T, x.dtype), z, precision="highest")

    def there(self, z: jax.Array) -> jax.Array:
        """Points (n, d) of the core in space."""
        if self.rotation is not None:
            z = jnp.matmul(z, jnp.asarray(self.rotation.T, z.dtype), precision="highest")
        return jnp.asarray(self.location, z.dtype) + self.scale * z

    def points_back(self, x: np.ndarray) -> np.ndarray:
        """Float64 points (n, d) in the coordinates of the core."""
        z = (x - self.location) / self.scale
        return z if self.rotation is None else z @ self.rotation

    def points_there(self, z: np.ndarray) -> np.ndarray:
        """Float64 points (..., d) of the core in space."""
        return self.location + self.scale * (z if self.rotation is None else z @ self.rotation.T)

    def size(self, core: Core) -> float:
        """Root mean square of a coordinate about the origin, in space."""
        about_mean = core.size**2 - float(np.mean(core.mean**2))
        return math.sqrt(self.scale**2 * about_mean + float(np.mean(self.points_there(core.mean) ** 2)))

    def std(self, core: Core) -> np.ndarray | None:
        """Standard deviations in space."""
        if core.covariance is None:
            return None if core.std is None else self.scale * core.std
        turned = core.covariance
        if self.rotation is not None:
            turned = self.rotation @ turned @ self.rotation.T
        return self.scale * np.sqrt(np.diag(turned))


def place(core: Core, rng: np.random.Generator, name: str) -> Target:
    """Draw where a core lies, its scale, rotation and normaliser, and how a user misjudges its scale.

    Args:
        core: the density in coordinates of its own.
        rng: where random numbers come from.
        name: name of the target.

    Returns:
        The target, without a box.
    """
    scale = float(log_uniform(rng, *_SCALES))
    location = scale * core.size * rng.standard_normal(core.dim)
    where = Place(location, scale, orthogonal(rng, core.dim) if core.turns else None)
    log_z = float(rng.uniform(-_LOG_Z, _LOG_Z))
    wrong = float(log_uniform(rng, 1 / _MISJUDGED, _MISJUDGED))
    return _placed(core, where, log_z, wrong * where.size(core), name)


def _placed(core: Core, where: Place, log_z: float, prior_std: float, name: str) -> Target:
    offset = log_z - core.log_z - core.dim * math.log(where.scale)

    def log_density(x: jax.Array) -> jax.Array:
        return core.log_density(where.back(x)) + offset

    def sample(key: jax.Array, n: int) -> jax.Array:
        return where.there(core.sample(key, _checks.sample_size(n)))

    def membership(x: np.ndarray) -> np.ndarray:
        return core.membership(where.points_back(x))  # type: ignore[misc]

    return Target(
        name=name,
        dim=core.dim,
        log_density=pointwise(log_density, core.dim),
        log_z=log_z,
        sample=sample,
        modes=None if core.modes is None else where.points_there(core.modes),
        mode_weights=core.mode_weights,
        membership=None if core.membership is None else membership,
        mean=where.points_there(core.mean),
        std=where.std(core),
        prior_std=prior_std,
        description=core.description,
    )
