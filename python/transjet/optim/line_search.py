"""Choosing a step size on the batch at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from transjet.equations import Batch, Equation, Params
from transjet.optim.base import add_scaled

Array = jax.Array


def grid_search(
    equation: Equation,
    params: Params,
    direction: Params,
    batch: Batch,
    steps: Sequence[float],
    loss: Callable[[Array], Array],
) -> tuple[Array, Array]:
    """The step size among `steps` whose parameters `params - step * direction` have the least loss.

    Args:
        equation: gives the residual.
        params: where to start.
        direction: of the structure of the parameters.
        batch: points.
        steps: candidates.
        loss: `(residual (n,)) -> scalar`, infinite where the residual is not finite.

    Returns:
        The step size and its loss; the loss is infinite where no step gives a finite one.
    """
    grid = jnp.asarray(steps, batch.points.t.dtype)
    losses = jax.lax.map(lambda s: loss(equation.residual(add_scaled(params, -s, direction), batch)), grid)
    best = jnp.argmin(losses)
    return grid[best], losses[best]
