"""Schedules b(t) of annealing: b(0) = 0, b(1) = 1, growing in between; fixed, or learned with the drift."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from transjet.errors import ConfigError

Array = jax.Array
_FIXED: dict[str, Callable[[Array], tuple[Array, Array]]] = {
    "linear": lambda t: (t, jnp.ones_like(t)),
    "cosine": lambda t: ((1 - jnp.cos(jnp.pi * t)) / 2, jnp.pi / 2 * jnp.sin(jnp.pi * t)),
    "quadratic": lambda t: (t * t, 2 * t),
}
# The learned schedule mixes these with weights that are positive and add up to 1. The first has a positive slope
# everywhere, and so has every mixture.
_SHAPES: tuple[Callable[[Array], tuple[Array, Array]], ...] = (
    _FIXED["linear"],
    lambda t: (t**3, 3 * t**2),
    lambda t: (1 - (1 - t) ** 3, 3 * (1 - t) ** 2),
    lambda t: (t * t * (3 - 2 * t), 6 * t * (1 - t)),
    lambda t: (4 * (t - 0.5) ** 3 + 0.5, 12 * (t - 0.5) ** 2),
)
SCHEDULES = (*_FIXED, "learned")


@dataclass(frozen=True)
class Schedule:
    """b(t) with its derivative.

    Attributes:
        kind: "linear", "cosine", "quadratic", or "learned": a mixture of five growing curves whose weights are a
            softmax of scalar unknowns, so that b(0) = 0, b(1) = 1 and b' > 0 whatever their values.

    Raises:
        ConfigError: an unknown kind.
    """

    kind: str = "linear"

    def __post_init__(self) -> None:
        if self.kind not in SCHEDULES:
            raise ConfigError(f"schedule: expected one of {', '.join(SCHEDULES)}; got {self.kind!r}")

    @property
    def scalars(self) -> dict[str, float]:
        """The scalar unknowns with their initial values."""
        return {f"schedule_{i}": 0.0 for i in range(1, len(_SHAPES))} if self.kind == "learned" else {}

    def __call__(self, t: Array, scalars: Mapping[str, Any]) -> tuple[Array, Array]:
        """b and b' at times t (n,), each (n,); `scalars` holds at least this schedule's, scalars or (n,)."""
        if self.kind != "learned":
            return _FIXED[self.kind](t)
        logits = [jnp.zeros_like(t), *(scalars[name] + jnp.zeros_like(t) for name in self.scalars)]
        weights = jax.nn.softmax(jnp.stack(logits), axis=0)
        values, slopes = zip(*(shape(t) for shape in _SHAPES), strict=True)
        return jnp.sum(weights * jnp.stack(values), axis=0), jnp.sum(weights * jnp.stack(slopes), axis=0)
