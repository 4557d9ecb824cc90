"""Functions of time with scalar unknowns: c(t) = sum_j c_j T_j(2 t - 1) in Chebyshev polynomials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from transjet.errors import ConfigError

Array = jax.Array


def _polynomials(t: Array, count: int) -> list[Array]:
    """T_0 ... T_{count - 1} at 2 t - 1, by their recurrence."""
    s = 2 * t - 1
    values = [jnp.ones_like(t), s]
    while len(values) < count:
        values.append(2 * s * values[-1] - values[-2])
    return values[:count]


@dataclass(frozen=True)
class TimeFunction:
    """A function on [0, 1] whose coefficients are scalar unknowns, zero at first.

    Attributes:
        name: of the unknowns, name_0, name_1, ...
        terms: number of coefficients; 0: the function is zero.

    Raises:
        ConfigError: a negative number of terms.
    """

    name: str
    terms: int = 8

    def __post_init__(self) -> None:
        if self.terms < 0:
            raise ConfigError(f"{self.name}: terms: expected 0 or more; got {self.terms}")

    @property
    def scalars(self) -> dict[str, float]:
        """The scalar unknowns with their initial values."""
        return {f"{self.name}_{j}": 0.0 for j in range(self.terms)}

    def _sum(self, polynomials: list[Array], t: Array, scalars: Mapping[str, Any]) -> Array:
        total = jnp.zeros_like(t)
        for name, polynomial in zip(self.scalars, polynomials, strict=True):
            total = total + scalars[name] * polynomial
        return total

    def __call__(self, t: Array, scalars: Mapping[str, Any]) -> Array:
        """c at times t (n,); `scalars` holds at least this function's, scalars or (n,)."""
        return self._sum(_polynomials(t, self.terms), t, scalars)

    def integral(self, t: Array, scalars: Mapping[str, Any]) -> Array:
        """The integral of c from 0 to t (n,)."""
        at, start = (_polynomials(s, self.terms + 1) for s in (t, jnp.zeros_like(t)))

        def antiderivative(j: int, p: list[Array]) -> Array:
            if j < 2:
                return p[1] / 2 if j == 0 else p[1] * p[1] / 4
            return (p[j + 1] / (j + 1) - p[j - 1] / (j - 1)) / 4

        return self._sum([antiderivative(j, at) - antiderivative(j, start) for j in range(self.terms)], t, scalars)
