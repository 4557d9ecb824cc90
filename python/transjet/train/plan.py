"""Plans of training: phases, each with its optimiser and its collocation points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp

from transjet.collocation import Collocation
from transjet.errors import ConfigError
from transjet.optim import Optimiser

Array = jax.Array


class Stretch(Protocol):
    """What the training loop knows about a phase."""

    @property
    def iterations(self) -> int:
        """Number of steps."""
        ...

    @property
    def name(self) -> str:
        """For progress and messages."""
        ...


@dataclass(frozen=True)
class Phase:
    """A stretch of training with one optimiser and one distribution of points.

    Attributes:
        optimiser: takes the steps.
        collocation: draws the points.
        iterations: number of steps.
        points: N, collocation points a step.
        refresh: steps between refreshes of the collocation cache.
        name: for progress and messages.
        continuation: share of the phase over which the target comes in; 0: it is there from the start. The equation's
            data must be `BoundaryData`.
        continuation_power: power of the remaining share of that time, which is the prior's share in the target.

    Raises:
        ConfigError: a count below 1, or a continuation out of range.
    """

    optimiser: Optimiser
    collocation: Collocation
    iterations: int
    points: int
    refresh: int = 1
    name: str = "phase"
    continuation: float = 0.0
    continuation_power: float = 4.0

    def __post_init__(self) -> None:
        for field in ("iterations", "points", "refresh"):
            value = getattr(self, field)
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f"phase {self.name!r}: {field}: expected a positive integer; got {value!r}")
        if not (0 <= self.continuation <= 1 and 0 < self.continuation_power < math.inf):
            raise ConfigError(
                f"phase {self.name!r}: expected a continuation between 0 and 1 and a positive power; "
                f"got {self.continuation}, {self.continuation_power}"
            )

    def target_share(self, progress: Array) -> Array:
        """Share of log rho in the target at a progress between 0 and 1, 1 from `continuation` on."""
        left = jnp.clip(1 - progress / self.continuation, 0, 1)
        return 1 - left**self.continuation_power


def total_iterations(plan: Sequence[Stretch]) -> int:
    """Steps of all phases together."""
    return sum(phase.iterations for phase in plan)


def locate(plan: Sequence[Stretch], iteration: int) -> tuple[int, int]:
    """The phase that takes step `iteration` (counted from 0), and the steps that phase has taken before.

    Past the end it is the last phase, which can go on as long as wanted.
    """
    done = iteration
    for index, phase in enumerate(plan):
        if done < phase.iterations:
            return index, done
        done -= phase.iterations
    return len(plan) - 1, done + plan[-1].iterations
