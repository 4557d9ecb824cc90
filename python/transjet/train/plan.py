"""Plans of training: phases, each with its optimiser and its collocation points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from transjet.collocation import Collocation
from transjet.errors import ConfigError
from transjet.optim import Optimiser


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

    Raises:
        ConfigError: a count below 1.
    """

    optimiser: Optimiser
    collocation: Collocation
    iterations: int
    points: int
    refresh: int = 1
    name: str = "phase"

    def __post_init__(self) -> None:
        for field in ("iterations", "points", "refresh"):
            value = getattr(self, field)
            if not isinstance(value, int) or value < 1:
                raise ConfigError(f"phase {self.name!r}: {field}: expected a positive integer; got {value!r}")


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
