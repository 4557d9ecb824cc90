"""Posteriors of linear regressions of simulated data."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets.families.core import Core
from transjet.targets.families.drawing import log_uniform, orthogonal, variances
from transjet.targets.linear import linear_regression

_LOG_2PI = math.log(2.0 * math.pi)


def regression(rng: np.random.Generator, dim: int) -> Core:
    """Draw the posterior of d coefficients, b ~ N(0, I), of data y = X b + noise of known scale.

    There are d/2 to 4 d + 10 rows, features of condition number 1 to 100, and a signal of 1 to 10 times the noise.
    """
    rows = int(rng.integers(max(3, dim // 2), 4 * dim + 11))
    noise = math.sqrt(dim) * float(log_uniform(rng, 0.1, 1.0))
    design, response = _data(rng, rows, dim, noise)
    return conjugate_regression(design, response, noise)


def unknown_noise(rng: np.random.Generator, dim: int) -> Core:
    """Draw the posterior of d - 1 coefficients and of the log of the noise's scale, with a flat prior of coefficients.

    The scale has a flat or a half-Cauchy prior. There are 8 to 3 d + 8 more rows than coefficients; data are drawn as
    those of ``regression``.
    """
    features = dim - 1
    rows = features + int(rng.integers(8, 3 * dim + 9))
    noise = math.sqrt(features) * float(log_uniform(rng, 0.1, 1.0))
    design, response = _data(rng, rows, features, noise)
    target = linear_regression(design, response, None if rng.integers(2) else 2.0 * noise)
    # Below, there is no mass: rows / 2 exp(14) nats. Without a least scale float32 would overflow there.
    least = math.log(noise) - 7.0

    def log_density(z: jax.Array) -> jax.Array:
        log_scale = jnp.maximum(z[-1], least)
        return target.log_density(z.at[-1].set(log_scale)) - 0.5 * (z[-1] - log_scale) ** 2

    return Core(
        dim=dim,
        log_density=log_density,
        log_z=target.log_z,  # type: ignore[arg-type]
        sample=target.sample,  # type: ignore[arg-type]
        description=f"linear regression of {rows} rows, noise unknown",
        mean=target.mean,  # type: ignore[arg-type]
        std=target.std,
    )


def conjugate_regression(design: np.ndarray, response: np.ndarray, noise: float) -> Core:
    """Build the posterior of y ~ N(X b, noise^2 I), b ~ N(0, I), with all normalisers.

    Args:
        design: (n, d) features X.
        response: (n,) y.
        noise: standard deviation of the data, positive.

    Returns:
        The core, a Gaussian; log_z is the log evidence, that of y ~ N(0, noise^2 I + X X^T).
    """
    rows, dim = design.shape
    factor = np.linalg.cholesky(np.eye(dim) + design.T @ design / noise**2)
    root = np.linalg.inv(factor).T  # of the covariance, root root^T
    mean = root @ (root.T @ (design.T @ response)) / noise**2
    marginal = noise**2 * np.eye(rows) + design @ design.T
    squares = response @ np.linalg.solve(marginal, response)
    log_constant = -0.5 * (rows + dim) * _LOG_2PI - rows * math.log(noise)

    def log_density(z: jax.Array) -> jax.Array:
        fitted = jnp.matmul(jnp.asarray(design, z.dtype), z, precision="highest")
        misfit = (jnp.asarray(response, z.dtype) - fitted) / noise
        return log_constant - 0.5 * (jnp.sum(misfit**2) + jnp.sum(z**2))

    def sample(key: jax.Array, n: int) -> jax.Array:
        noise = jax.random.normal(key, (n, dim))
        around = jnp.matmul(noise, jnp.asarray(root.T, noise.dtype), precision="highest")
        return jnp.asarray(mean, noise.dtype) + around

    return Core(
        dim=dim,
        log_density=log_density,
        log_z=-0.5 * float(squares + np.linalg.slogdet(marginal)[1] + rows * _LOG_2PI),
        sample=sample,
        description=f"linear regression of {rows} rows",
        mean=mean,
        covariance=root @ root.T,
        modes=mean[None],
        mode_weights=np.ones(1),
    )


def _data(rng: np.random.Generator, rows: int, features: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    design = rng.standard_normal((rows, features))
    if features > 1:
        spectrum = np.sqrt(variances(rng, features, float(log_uniform(rng, 1.0, 100.0))))
        design = design * spectrum @ orthogonal(rng, features)
    truth = rng.standard_normal(features)
    return design, design @ truth + noise * rng.standard_normal(rows)
