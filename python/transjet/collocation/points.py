"""Collocation points, and what draws them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
from jaxtyping import Float

Array = jax.Array
Drift = Callable[[Array, Array], Array]
"""`(x (n, d), t (n,)) -> (n, d)`, the current drift."""
Divergence = Callable[[Array, Array], tuple[Array, Array]]
"""`(x (n, d), t (n,)) -> (drift (n, d), its divergence (n,))`."""


class Points(NamedTuple):
    """Collocation points."""

    x: Float[Array, "n d"]
    t: Float[Array, " n"]


class WeightedPoints(NamedTuple):
    """Points with importance weights, which make their loss that of the distribution they are weighted to.

    Attributes:
        points: n of them.
        weights: (n,), of mean about 1.
        chosen: (n,), which of the candidates they are.
    """

    points: Points
    weights: Float[Array, " n"]
    chosen: Array


@dataclass(frozen=True)
class Flow:
    """A drift that knows more about the flow than its direction; calling it gives the velocity.

    Attributes:
        velocity: of the deterministic flow, `(x (n, d), t (n,)) -> (n, d)`.
        divergence: `(x, t) -> (velocity (n, d), its divergence (n,))`; None where it is not at hand.
        score: grad V, `(x, t) -> (n, d)`; None where there is no V. With it velocity + sigma^2/2 score is the drift
            of the diffusion with coefficient sigma that has the same densities.
    """

    velocity: Drift
    divergence: Divergence | None = None
    score: Drift | None = None

    def __call__(self, x: Array, t: Array) -> Array:
        """The velocity."""
        return self.velocity(x, t)


class Collocation(Protocol):
    """A distribution of collocation points, perhaps with a cache that depends on the current drift."""

    def refresh(self, key: Array, drift: Drift, dtype: Any) -> Any:
        """A new cache for the current drift, a `Flow` where more is known; an empty tuple where none is needed."""
        ...

    def draw(self, key: Array, cache: Any, n: int, progress: Array, dtype: Any) -> Points:
        """n points; `progress` runs from 0 to 1 over the phase of training."""
        ...
