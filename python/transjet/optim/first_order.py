"""Any optax transformation as an optimiser of the mean squared residual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax

from transjet.equations import Batch, Equation, Params
from transjet.errors import ConfigError
from transjet.optim.base import Outcome, StepInfo, all_finite, root_mean_square, where
from transjet.optim.robust import huber_loss, huber_roots, huber_scale, row_weights

Array = jax.Array


@dataclass(frozen=True)
class FirstOrder:
    """optax on the gradient 2/N J^T W R; a step with a non-finite loss or gradient is skipped.

    Attributes:
        transformation: any optax gradient transformation.
        robust: as in `DualGaussNewton`; 0: W = I.
    """

    transformation: optax.GradientTransformation
    robust: float = 0.0

    def init(self, params: Params) -> Any:
        """The transformation's state."""
        return self.transformation.init(params)

    def careful(self, params: Params, state: Any) -> Any:
        """The transformation's state afresh; its schedule begins again."""
        return self.transformation.init(params)

    def step(self, equation: Equation, params: Params, state: Any, batch: Batch) -> tuple[Params, Any, StepInfo]:
        """One step of the transformation."""
        lin = equation.linearize(params, batch)
        weights = row_weights(batch.weights, lin.residual)
        scale = huber_scale(lin.residual, self.robust, weights)
        loss = huber_loss(lin.residual, scale, weights)
        rows = huber_roots(lin.residual, scale, weights) ** 2
        gradient = lin.vjp(2 * rows * lin.residual / lin.residual.shape[0])
        updates, new_state = self.transformation.update(gradient, state, params)
        outcome = jnp.select(
            [~jnp.isfinite(loss), ~all_finite(updates)],
            [int(Outcome.NONFINITE_RESIDUAL), int(Outcome.NONFINITE_DIRECTION)],
            int(Outcome.ACCEPTED),
        )
        accepted = outcome == Outcome.ACCEPTED
        zero, nan = jnp.zeros_like(loss), jnp.full_like(loss, jnp.nan)
        info = StepInfo(loss, nan, root_mean_square(lin.residual, weights), accepted.astype(loss.dtype), zero, outcome)
        new_params = where(accepted, optax.apply_updates(params, updates), params)
        return new_params, where(accepted, new_state, state), info


def adam(learning_rate: float, steps: int, *, clip: float = 1.0, robust: float = 0.0) -> FirstOrder:
    """Adam with a cosine decay to 1 % over `steps` steps, and clipping by the gradient's global norm.

    Raises:
        ConfigError: a learning rate, number of steps or clipping norm that is not positive.
    """
    if not (learning_rate > 0 and steps > 0 and clip > 0):
        raise ConfigError(
            f"adam: expected positive values; got learning_rate={learning_rate}, steps={steps}, clip={clip}"
        )
    schedule = optax.cosine_decay_schedule(learning_rate, steps, 0.01)
    return FirstOrder(optax.chain(optax.clip_by_global_norm(clip), optax.adam(schedule)), robust)
