"""A Huber loss with a scale of its own, so that a few points with huge residuals do not decide the step.

Residuals are heavy-tailed: where the log density is steep, in regions that hold almost no mass, they exceed those of
the bulk by orders of magnitude. Beyond c = kappa median |R| the loss grows linearly instead of quadratically. In
Gauss-Newton this is a weight on rows of the Jacobian (iteratively reweighted least squares).

Weights of points multiply the loss; a point of weight 2 counts like two points, in the median too.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

Array = jax.Array


def row_weights(weights: Array | None, residual: Array) -> Array | None:
    """Weights (n,) of points, repeated for every residual of theirs: (k n,) for a residual (k n,)."""
    return None if weights is None else jnp.tile(weights, residual.shape[0] // max(1, weights.shape[0]))


def huber_scale(residual: Array, kappa: float, weights: Array | None = None) -> Array:
    """c = kappa median |R|; infinite, that is plain least squares, for kappa = 0."""
    if kappa == 0:
        return jnp.asarray(jnp.inf, residual.dtype)
    size = jnp.abs(residual)
    median = jnp.median(size) if weights is None else _weighted_median(size, weights)
    # Half of the residuals vanish exactly: there is no scale to go by.
    return jnp.where(median > 0, kappa * median, jnp.inf).astype(residual.dtype)


def _weighted_median(values: Array, weights: Array) -> Array:
    """The middle of the values repeated by their weights; the mean of both middle ones where two halves are equal."""
    order = jnp.argsort(values)
    below = jnp.cumsum(weights[order])
    half = below[-1] / 2
    near = 8 * jnp.finfo(values.dtype).eps * below[-1]  # what rounding may do to the sum
    last = values.shape[0] - 1
    lower = jnp.minimum(jnp.sum(below < half - near), last)
    upper = jnp.minimum(jnp.sum(below <= half + near), last)
    return (values[order[lower]] + values[order[upper]]) / 2


def huber_loss(residual: Array, scale: Array, weights: Array | None = None) -> Array:
    """Mean of w R^2 up to |R| = c, of w (2 c |R| - c^2) beyond; infinite where a residual is not finite."""
    size = jnp.abs(residual)
    inner = jnp.minimum(size, scale)
    beyond = jnp.where(size > scale, size - scale, 0)
    slope = jnp.where(beyond > 0, scale, 0)  # not inf * 0 where the scale is infinite
    each = inner * inner + 2 * slope * beyond
    loss = jnp.mean(each if weights is None else weights * each)
    return jnp.where(jnp.isfinite(loss) & jnp.all(jnp.isfinite(residual)), loss, jnp.inf)


def huber_roots(residual: Array, scale: Array, weights: Array | None = None) -> Array:
    """Square roots of the weights w min(1, c / |R|) that make weighted least squares descend the Huber loss."""
    size = jnp.maximum(jnp.abs(residual), jnp.finfo(residual.dtype).tiny)
    factor = jnp.minimum(1, scale / size)
    return jnp.sqrt(factor if weights is None else weights * factor).astype(residual.dtype)
