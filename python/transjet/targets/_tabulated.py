"""One-dimensional densities by tables: integrals and an exact sampler where no closed form exists."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

# Nodes of the table: some fifty of them within the standard deviation of the narrowest peak in use.
_NODES = 8193


class TabulatedDensity:
    """The density exp(log_density(x)) on an interval outside which it vanishes to rounding.

    Integrals are trapezoidal sums of a smooth integrand that vanishes at both ends, which converge exponentially.

    Args:
        log_density: vectorised NumPy function of x.
        lower: left end.
        upper: right end.
    """

    def __init__(self, log_density: Callable[[np.ndarray], np.ndarray], lower: float, upper: float) -> None:
        self._log_density, self._ends = log_density, (lower, upper)

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray, float]:
        x = np.linspace(*self._ends, _NODES)
        with np.errstate(divide="ignore"):  # log 0 at an end
            values = self._log_density(x)
        peak = float(values.max())
        return x, np.exp(values - peak), peak

    @cached_property
    def log_z(self) -> float:
        """Log of the integral."""
        x, density, peak = self._table
        return peak + float(np.log(np.trapezoid(density, x)))

    def expectation(self, function: Callable[[np.ndarray], np.ndarray]) -> float:
        """E[function(x)], for a smooth function."""
        x, density, _ = self._table
        return float(np.trapezoid(function(x) * density, x) / np.trapezoid(density, x))

    def expectations(self, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """E[function(x)] (k,), for a smooth function that maps (n,) to (k, n)."""
        x, density, _ = self._table
        return np.trapezoid(function(x) * density, x, axis=1) / np.trapezoid(density, x)

    def mass_below(self, point: float) -> float:
        """Probability of x < point, a point where the density is small or smooth over a cell."""
        x, _, _ = self._table
        cumulative, _ = self._distribution
        return float(np.interp(point, x, cumulative))

    @cached_property
    def _distribution(self) -> tuple[np.ndarray, np.ndarray]:
        x, density, _ = self._table
        cumulative = np.concatenate([np.zeros(1), np.cumsum(0.5 * (density[1:] + density[:-1]))])
        return cumulative / cumulative[-1], x

    def sample(self, key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        """Draw by inverting the tabulated distribution."""
        u = jax.random.uniform(key, shape)
        cumulative, x = (jnp.asarray(table, u.dtype) for table in self._distribution)
        return jnp.interp(u, cumulative, x)
