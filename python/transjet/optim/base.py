"""What every optimiser has in common: a step that is either taken or leaves the parameters as they were."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from transjet.equations import Batch, Equation, Params

Array = jax.Array


class Outcome(IntEnum):
    """How a step ended. Any outcome but ACCEPTED leaves the parameters as they were."""

    ACCEPTED = 0
    NONFINITE_RESIDUAL = 1
    NONFINITE_DIRECTION = 2
    NO_DESCENT = 3

    @property
    def remedy(self) -> str:
        """What it means and what to do about it."""
        return {
            Outcome.ACCEPTED: "the step was taken",
            Outcome.NONFINITE_RESIDUAL: (
                "the residual is not finite at some collocation point; check the log density and its gradient there, "
                "or draw points from a smaller region"
            ),
            Outcome.NONFINITE_DIRECTION: "the linear system could not be solved; raise the damping or use float64",
            Outcome.NO_DESCENT: "no step size lowered the loss; raise the damping, or the batch is solved already",
        }[self]


class StepInfo(NamedTuple):
    """Figures of one step; every field is a scalar.

    Attributes:
        loss: the objective at the step's points, before the step: mean of R^2 (w R^2), or its robust form.
        loss_after: the same with the new parameters; NaN where the optimiser does not evaluate it.
        residual_rms: root of the mean of R^2 (w R^2) at the step's points, before the step.
        step_size: factor on the direction; 0 for a rejected step.
        damping: Levenberg-Marquardt damping used; 0 for first-order optimisers.
        outcome: an `Outcome`.
    """

    loss: Array
    loss_after: Array
    residual_rms: Array
    step_size: Array
    damping: Array
    outcome: Array


class Optimiser(Protocol):
    """Minimises the mean of R^2 over collocation points, or of w R^2 where the batch has weights, one batch a step."""

    def init(self, params: Params) -> Any:
        """State for these parameters."""
        ...

    def careful(self, params: Params, state: Any) -> Any:
        """State for going on from these parameters, of before, where the steps since have led astray."""
        ...

    def step(self, equation: Equation, params: Params, state: Any, batch: Batch) -> tuple[Params, Any, StepInfo]:
        """One step. The new parameters are finite whenever the old ones were."""
        ...


def root_mean_square(residual: Array, weights: Array | None = None) -> Array:
    """Root of the mean of R^2, or of w R^2."""
    square = residual * residual
    return jnp.sqrt(jnp.mean(square if weights is None else weights * square))


def all_finite(tree: Any) -> Array:
    """Whether every number of a pytree is finite."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def where(condition: Array, new: Any, old: Any) -> Any:
    """Leafwise `jnp.where` on a scalar condition."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


def add_scaled(tree: Any, factor: Any, other: Any) -> Any:
    """tree + factor * other, leafwise."""
    return jax.tree.map(lambda a, b: a + factor * b, tree, other)
