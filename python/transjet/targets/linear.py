"""Bayesian linear regression with an unknown noise, of which everything is known exactly."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ShapeError, TargetError
from transjet.targets import _checks
from transjet.targets._tabulated import TabulatedDensity
from transjet.targets.base import Target, pointwise

_LOG_2PI = math.log(2.0 * math.pi)


def linear_regression(
    design: Any, response: Any, noise_scale: float | None = None, *, name: str = "linear-regression"
) -> Target:
    """Build the posterior of y ~ N(design b, sigma^2 I) with a flat prior of b, in the coordinates (b, log sigma).

    The linear models of posteriordb have this form. Given sigma the weights are Gaussian; integrating them out leaves
    a density of log sigma, of which quadrature gives log Z and the moments, and whose tabulated distribution gives
    an exact sampler.

    Args:
        design: (n, p) features of full rank, with a column of ones where an intercept is wanted.
        response: (n,) y, with n >= p + 2.
        noise_scale: sigma ~ half-Cauchy(noise_scale), normalised; None: a flat prior of sigma.
        name: name of the target.

    Returns:
        The target, of p + 1 coordinates, with exact log_z, sampler and moments.

    Raises:
        ShapeError: arrays of other shapes, or too few rows.
        TargetError: a design that is not of full rank, or a response that it fits exactly.
        ConfigError: ``noise_scale`` is not positive.
    """
    design = _checks.array(design, (None, None), "design")
    count, weights = design.shape
    response = _checks.array(response, (count,), "response")
    scale = None if noise_scale is None else _checks.positive(noise_scale, "noise_scale")
    freedom = count - weights
    if freedom < 2 or weights == 0:
        raise ShapeError(f"design must have at least two rows more than columns, got shape {design.shape}; add rows")
    fit, (squares, root) = np.linalg.lstsq(design, response)[0], _factor(design, response)
    dim, centre, narrow = weights + 1, 0.5 * math.log(squares / freedom), 12.0 / math.sqrt(freedom)

    def log_prior(s: Any, softplus: Any) -> Any:
        """Log density of log sigma = s."""
        if scale is None:
            return s
        shift = math.log(scale)
        return s + math.log(2.0 / (math.pi * scale)) - softplus(2.0 * (s - shift))

    def marginal(s: np.ndarray) -> np.ndarray:
        return log_prior(s, lambda z: np.logaddexp(0.0, z)) - freedom * s - 0.5 * squares * np.exp(-2.0 * s)

    table = TabulatedDensity(marginal, centre - min(narrow, 5.0), centre + narrow + 50.0 / (freedom - 1))
    inverse = np.linalg.inv(root)  # of the upper triangular factor of X^T X = R^T R
    mean_s = table.expectation(lambda s: s)
    std_s = math.sqrt(table.expectation(lambda s: (s - mean_s) ** 2))
    variance = table.expectation(lambda s: np.exp(2.0 * s))
    std = np.append(np.sqrt(variance * (inverse**2).sum(axis=1)), std_s)
    mean = np.append(fit, mean_s)

    def log_density(x: jax.Array) -> jax.Array:
        b, s = x[:-1], x[-1]
        fitted = jnp.matmul(jnp.asarray(design, x.dtype), b, precision="highest")
        misfit = (jnp.asarray(response, x.dtype) - fitted) * jnp.exp(-s)
        return log_prior(s, jax.nn.softplus) - count * (s + 0.5 * _LOG_2PI) - 0.5 * jnp.sum(misfit**2)

    def sample(key: jax.Array, n: int) -> jax.Array:
        key_noise, key_weights = jax.random.split(key)
        s = table.sample(key_noise, (_checks.sample_size(n), 1))
        z = jax.random.normal(key_weights, (n, weights), s.dtype)
        around = jnp.matmul(z, jnp.asarray(inverse.T, s.dtype), precision="highest")
        return jnp.concatenate([jnp.asarray(fit, s.dtype) + jnp.exp(s) * around, s], axis=1)

    return Target(
        name=name,
        dim=dim,
        log_density=pointwise(log_density, dim),
        log_z=table.log_z - 0.5 * freedom * _LOG_2PI - float(np.log(np.abs(np.diag(root))).sum()),
        sample=sample,
        box=(mean - 5.0 * std, mean + 5.0 * std),
        mean=mean,
        std=std,
        description=f"Bayesian linear regression of {count} rows",
    )


def _factor(design: np.ndarray, response: np.ndarray) -> tuple[float, np.ndarray]:
    """The sum of squares that the best fit leaves, and R of design = Q R."""
    q, root = np.linalg.qr(design)
    diagonal = np.abs(np.diag(root))
    if diagonal.min() <= 1e-12 * diagonal.max():
        raise TargetError("design must have full rank, got columns that depend on each other; drop some")
    squares = float(((response - q @ (q.T @ response)) ** 2).sum())
    if squares <= 1e-24 * float((response**2).sum()):
        raise TargetError("response must not be fitted exactly: sigma would go to zero; add rows or noise")
    return squares, root
