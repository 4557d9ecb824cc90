"""A Huber loss with a scale of its own, so that a few points with huge residuals do not decide the step.

Residuals are heavy-tailed: where the log density is steep, in regions that hold almost no mass, they exceed those of
the bulk by orders of magnitude. Beyond c = kappa median |R| the loss grows linearly instead of quadratically. In
Gauss-Newton this is a weight on rows of the Jacobian (iteratively reweighted least squares).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

Array = jax.Array


def huber_scale(residual: Array, kappa: float) -> Array:
    """c = kappa median |R|; infinite, that is plain least squares, for kappa = 0."""
    if kappa == 0:
        return jnp.asarray(jnp.inf, residual.dtype)
    median = jnp.median(jnp.abs(residual))
    # Half of the residuals vanish exactly: there is no scale to go by.
    return jnp.where(median > 0, kappa * median, jnp.inf).astype(residual.dtype)


def huber_loss(residual: Array, scale: Array) -> Array:
    """Mean of R^2 up to |R| = c, of 2 c |R| - c^2 beyond; infinite where a residual is not finite."""
    size = jnp.abs(residual)
    inner = jnp.minimum(size, scale)
    beyond = jnp.where(size > scale, size - scale, 0)
    slope = jnp.where(beyond > 0, scale, 0)  # not inf * 0 where the scale is infinite
    loss = jnp.mean(inner * inner + 2 * slope * beyond)
    return jnp.where(jnp.isfinite(loss) & jnp.all(jnp.isfinite(residual)), loss, jnp.inf)


def huber_roots(residual: Array, scale: Array) -> Array:
    """Square roots of the weights min(1, c / |R|) that make weighted least squares descend the Huber loss."""
    size = jnp.maximum(jnp.abs(residual), jnp.finfo(residual.dtype).tiny)
    return jnp.sqrt(jnp.minimum(1, scale / size)).astype(residual.dtype)
