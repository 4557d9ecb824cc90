"""First-order steps on the product of two independent estimates of the residual, whose mean is the exact R^2."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax

from transjet.equations import Batch, Equation, Params
from transjet.errors import ConfigError
from transjet.optim.base import Outcome, StepInfo, all_finite, where
from transjet.optim.robust import row_weights

Array = jax.Array


def halves(equation: Equation, batch: Batch) -> tuple[Batch, Batch]:
    """Two batches at the same points, each with half of the random directions: independent estimates of R.

    Args:
        equation: whose batch it is.
        batch: with directions of every unknown that has a trace.

    Returns:
        The two batches.

    Raises:
        ConfigError: a batch without directions, an odd number of them, or coordinates, whose halves depend on each
            other.
    """
    if not batch.directions:
        raise ConfigError("halves: expected a batch with random directions; give the equation with_directions(k)")
    for name, along in batch.directions.items():
        if along.shape[1] % 2 or equation.unknowns[name].kind == "coordinates":
            raise ConfigError(
                f"halves: {name}: expected an even number of independent directions; got {along.shape[1]} of kind "
                f"{equation.unknowns[name].kind!r}"
            )
    scaled = {name: math.sqrt(2) * along for name, along in batch.directions.items()}
    first = {name: along[:, : along.shape[1] // 2] for name, along in scaled.items()}
    second = {name: along[:, along.shape[1] // 2 :] for name, along in scaled.items()}
    return batch._replace(directions=first), batch._replace(directions=second)


@dataclass(frozen=True)
class ProductFirstOrder:
    """optax on the gradient of the mean of R R', with R and R' estimated along different halves of the directions.

    The mean of R^2 of an estimated residual exceeds that of the exact one by the estimator's variance, and its minimum
    lies where that is small, too. The product has no such bias; it may be negative, and so may `StepInfo.loss`.

    Attributes:
        transformation: any optax gradient transformation.
    """

    transformation: optax.GradientTransformation

    def init(self, params: Params) -> Any:
        """The transformation's state."""
        return self.transformation.init(params)

    def careful(self, params: Params, state: Any) -> Any:
        """The transformation's state afresh; its schedule begins again."""
        return self.transformation.init(params)

    def step(self, equation: Equation, params: Params, state: Any, batch: Batch) -> tuple[Params, Any, StepInfo]:
        """One step; one with a non-finite loss or gradient is skipped.

        Raises:
            ConfigError: as for `halves`.
        """
        one, other = (equation.linearize(params, half) for half in halves(equation, batch))
        rows = row_weights(batch.weights, one.residual)
        rows = jnp.ones_like(one.residual) if rows is None else rows
        loss = jnp.mean(rows * one.residual * other.residual)
        share = rows / one.residual.shape[0]
        gradient = jax.tree.map(jnp.add, one.vjp(share * other.residual), other.vjp(share * one.residual))
        updates, new_state = self.transformation.update(gradient, state, params)
        outcome = jnp.select(
            [~jnp.isfinite(loss), ~all_finite(updates)],
            [int(Outcome.NONFINITE_RESIDUAL), int(Outcome.NONFINITE_DIRECTION)],
            int(Outcome.ACCEPTED),
        )
        accepted = outcome == Outcome.ACCEPTED
        zero, nan = jnp.zeros_like(loss), jnp.full_like(loss, jnp.nan)
        rms = jnp.sqrt(jnp.maximum(loss, 0))
        info = StepInfo(loss, nan, rms, accepted.astype(loss.dtype), zero, outcome)
        new_params = where(accepted, optax.apply_updates(params, updates), params)
        return new_params, where(accepted, new_state, state), info
