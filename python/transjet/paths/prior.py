"""The prior: an isotropic Gaussian, from which every particle starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from transjet.errors import ConfigError

Array = jax.Array


@dataclass(frozen=True)
class GaussianPrior:
    """N(0, std^2 I) in `dim` dimensions.

    Raises:
        ConfigError: dim below 1, or a std that is not positive and finite.
    """

    dim: int
    std: float = 1.0

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ConfigError(f"prior: dim: expected at least 1; got {self.dim}")
        if not (math.isfinite(self.std) and self.std > 0):
            raise ConfigError(f"prior: std: expected a positive number; got {self.std}")

    def widened(self, factor: float) -> GaussianPrior:
        """The same one, wider by a factor."""
        return GaussianPrior(self.dim, factor * self.std)

    def log_density(self, x: Array) -> Array:
        """log N(x; 0, std^2 I) at x (..., dim), shape (...,)."""
        constant = 0.5 * self.dim * math.log(2 * math.pi * self.std**2)
        return -0.5 * jnp.sum(x * x, axis=-1) / self.std**2 - jnp.asarray(constant, x.dtype)

    def grad(self, x: Array) -> Array:
        """Gradient of the log density at x (..., dim)."""
        return -x / self.std**2

    def laplacian(self, x: Array) -> Array:
        """Laplacian of the log density at x (..., dim), shape (...,)."""
        return jnp.full(x.shape[:-1], -self.dim / self.std**2, x.dtype)

    def sample(self, key: Array, n: int, dtype: Any = jnp.float32, *, antithetic: bool = False) -> Array:
        """n draws, (n, dim): independent ones, or antithetic in pairs z, -z, the second half against the first."""
        if not antithetic:
            return self.std * jax.random.normal(key, (n, self.dim), dtype)
        half = self.std * jax.random.normal(key, ((n + 1) // 2, self.dim), dtype)
        return jnp.concatenate([half, -half])[:n]
