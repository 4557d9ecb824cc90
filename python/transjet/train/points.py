"""From a phase's collocation to the batch of a step, and residuals on points that no step has seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from transjet.collocation import Collocation, Drift, Points, ResidualAdaptive
from transjet.equations import Batch, Equation, Params
from transjet.errors import ConfigError
from transjet.paths import BoundaryData
from transjet.train.plan import Phase

Array = jax.Array


def draw_batch(
    equation: Equation, params: Params, phase: Phase, key: Array, cache: Any, progress: Array, dtype: Any
) -> Batch:
    """The batch of one step; with weights where the points are drawn by their residual.

    The target is evaluated once at every point, at candidates that are drawn as well as at those that are not.

    Args:
        equation: gives the data of points, and their residual.
        params: current ones, for the residual.
        phase: its collocation and number of points.
        key: of the step.
        cache: of the collocation.
        progress: of the phase, from 0 to 1.
        dtype: of the points.

    Raises:
        ConfigError: a phase with continuation, and data that know nothing of prior and target.
    """
    collocation, n, key_directions = phase.collocation, phase.points, jax.random.fold_in(key, 1)

    def batch_at(points: Points, key: Array) -> Batch:
        return _blended(equation.batch(points, key), phase, progress)

    if not isinstance(collocation, ResidualAdaptive):
        return batch_at(collocation.draw(key, cache, n, progress, dtype), key_directions)
    key_draw, key_select = jax.random.split(key)
    candidates = collocation.draw(key_draw, cache, collocation.factor * n, progress, dtype)
    batch = batch_at(candidates, jax.random.fold_in(key_draw, 1))
    points, weights, chosen = collocation.select(key_select, candidates, equation.residual(params, batch), n)
    if not isinstance(batch.data, BoundaryData):  # of which alone it is known that they are one row a point
        return batch_at(points, key_directions)._replace(weights=weights)
    data = jax.tree.map(lambda rows: rows[chosen], batch.data)
    return replace(equation, data=lambda _: data).batch(points, key_directions)._replace(weights=weights)


def _blended(batch: Batch, phase: Phase, progress: Array) -> Batch:
    """With the phase's share of the target in the data."""
    if not phase.continuation:
        return batch
    if not hasattr(batch.data, "blended"):
        raise ConfigError(
            f"phase {phase.name!r}: continuation: expected an equation whose data are `BoundaryData`; "
            f"got {type(batch.data).__name__}"
        )
    share = phase.target_share(progress).astype(batch.points.t.dtype)
    return batch._replace(data=batch.data.blended(share))


def residual_figures(
    equation: Equation,
    params: Params,
    phase: Phase,
    drift: Drift,
    along_flow: Collocation | None,
    keys: tuple[Array, Array],
    cache: Any,
    progress: Array,
    dtype: Any,
) -> dict[str, Array]:
    """Root mean squares of the residual, of the target that the last step saw, at three kinds of points.

    Args:
        equation: gives the residual, with exact divergences and Laplacians.
        params: for it.
        phase: the one that took the last step.
        drift: the current one, for fresh caches.
        along_flow: distribution along the flow, or None.
        keys: that of the last step's points, and one for fresh points.
        cache: of the phase's collocation after the last step.
        progress: of the last step.
        dtype: of the points.

    Returns:
        "residual_train" at the last step's points (not where they depend on the residual before that step),
        "residual_held_out" at fresh ones of the same distribution, from a fresh cache, and "residual_on_flow" along
        the flow.
    """

    def size(collocation: Collocation, key: Array, cache: Any) -> Array:
        points = collocation.draw(key, cache, phase.points, progress, dtype)
        residual = equation.residual(params, _blended(equation.batch(points), phase, progress))
        return jnp.sqrt(jnp.mean(residual**2))

    def fresh(collocation: Collocation, key: Array) -> Array:
        key_cache, key_draw = jax.random.split(key)
        return size(collocation, key_draw, collocation.refresh(key_cache, drift, dtype))

    key_held_out, key_flow = jax.random.split(keys[1])
    figures = {"residual_held_out": fresh(phase.collocation, key_held_out)}
    if not isinstance(phase.collocation, ResidualAdaptive):
        figures["residual_train"] = size(phase.collocation, keys[0], cache)
    if along_flow is not None:
        figures["residual_on_flow"] = fresh(along_flow, key_flow)
    return figures
