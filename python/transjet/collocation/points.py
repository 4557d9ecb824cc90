"""Collocation points, and what draws them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
from jaxtyping import Float

Array = jax.Array
Drift = Callable[[Array, Array], Array]
"""`(x (n, d), t (n,)) -> (n, d)`, the current drift."""


class Points(NamedTuple):
    """Collocation points."""

    x: Float[Array, "n d"]
    t: Float[Array, " n"]


class Collocation(Protocol):
    """A distribution of collocation points, perhaps with a cache that depends on the current drift."""

    def refresh(self, key: Array, drift: Drift, dtype: Any) -> Any:
        """A new cache for the current drift; an empty tuple where none is needed."""
        ...

    def draw(self, key: Array, cache: Any, n: int, progress: Array, dtype: Any) -> Points:
        """n points; `progress` runs from 0 to 1 over the phase of training."""
        ...
