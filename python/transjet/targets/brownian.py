"""Brownian motion observed with noise, except in the middle."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets import _checks
from transjet.targets.base import Target, pointwise

# The Inference Gym's observations (TensorFlow Probability, Apache-2.0) at the times 0..9 and 20..29; none between.
_OBSERVED = np.array(
    [
        [0.215926409, 0.118771404, -0.0794544667, 0.0376774743, -0.278858453],
        [-0.148415595, -0.325090587, -0.229579031, -0.441108942, -0.0983078182],
        [-0.878601611, -0.83736074, -0.738484919, -0.893925428, -0.777456582],
        [-0.702387154, -0.877715647, -0.518535733, -0.694821417, -0.620278895],
    ]
).ravel()
_STEPS = 30
_WHEN = np.r_[0:10, 20:30]
_LOG_2PI = math.log(2.0 * math.pi)


def _log_joint(x: jax.Array, log_step: jax.Array | float, log_noise: jax.Array | float) -> jax.Array:
    """Log density of path and observations, given both scales."""
    steps = jnp.diff(x, prepend=jnp.zeros(1, x.dtype)) * jnp.exp(-jnp.asarray(log_step, x.dtype))
    misfit = (jnp.asarray(_OBSERVED, x.dtype) - x[_WHEN]) * jnp.exp(-jnp.asarray(log_noise, x.dtype))
    squares = 0.5 * (jnp.sum(steps**2) + jnp.sum(misfit**2))
    return -squares - _STEPS * log_step - len(_WHEN) * log_noise - 0.5 * (_STEPS + len(_WHEN)) * _LOG_2PI


def brownian(*, name: str = "brownian") -> Target:
    """Build the posterior of a Brownian motion with missing middle and unknown scales, d = 32.

    x_0 ~ N(0, a^2), x_t ~ N(x_{t-1}, a^2) for t < 30, y_t ~ N(x_t, s^2) for t outside 10..19, and
    log a, log s ~ N(0, 2^2); coordinates (log a, log s, x_0..x_29). Model and data of the Inference Gym, which takes
    softplus coordinates for a and s; log Z is the same.

    log Z = 1.187748986, exact to 1e-9: given a and s all is Gaussian, the rest is quadrature in two dimensions.

    Args:
        name: name of the target.

    Returns:
        The target, with exact log_z.
    """
    prior_constant = -2.0 * math.log(2.0) - _LOG_2PI

    def log_density(x: jax.Array) -> jax.Array:
        prior = prior_constant - 0.125 * (x[0] ** 2 + x[1] ** 2)
        return prior + _log_joint(x[2:], x[0], x[1])

    return Target(
        name=name,
        dim=_STEPS + 2,
        log_density=pointwise(log_density, _STEPS + 2),
        log_z=1.187748986,
        prior_std=1.0,
        description="Brownian motion observed with noise, except in the middle; unknown scales",
    )


def brownian_known(step: float = 0.1, noise: float = 0.15, *, name: str = "brownian-known") -> Target:
    """Build the posterior of the same Brownian motion with known scales, a Gaussian of d = 30.

    log Z = 5.613043491 for the Inference Gym's scales, the exact density of the observations; moments and sampler are
    those of the Gaussian.

    Args:
        step: standard deviation of a step, positive.
        noise: standard deviation of an observation's error, positive.
        name: name of the target.

    Returns:
        The target, with exact log_z, sampler and moments.

    Raises:
        ConfigError: a scale that is not positive.
    """
    step, noise = _checks.positive(step, "step"), _checks.positive(noise, "noise")
    mean, covariance, log_z = _gaussian_posterior(step, noise)
    root, std = np.linalg.cholesky(covariance), np.sqrt(np.diag(covariance))

    def log_density(x: jax.Array) -> jax.Array:
        return _log_joint(x, math.log(step), math.log(noise))

    def sample(key: jax.Array, n: int) -> jax.Array:
        z = jax.random.normal(key, (_checks.sample_size(n), _STEPS))
        return jnp.asarray(mean, z.dtype) + jnp.matmul(z, jnp.asarray(root.T, z.dtype), precision="highest")

    return Target(
        name=name,
        dim=_STEPS,
        log_density=pointwise(log_density, _STEPS),
        log_z=log_z,
        sample=sample,
        modes=mean[None],
        mode_weights=np.ones(1),
        box=(mean - 4.0 * std, mean + 4.0 * std),
        mean=mean,
        std=std,
        prior_std=0.5,
        description="Brownian motion observed with noise, except in the middle",
    )


def _gaussian_posterior(step: float, noise: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean (30,) and covariance (30, 30) of the path given both scales, and the log density of the observations."""
    times = np.arange(1, _STEPS + 1)
    prior = step**2 * np.minimum(times[:, None], times)
    observed = prior[np.ix_(_WHEN, _WHEN)] + noise**2 * np.eye(len(_WHEN))
    gain = np.linalg.solve(observed, prior[_WHEN]).T
    squares = _OBSERVED @ np.linalg.solve(observed, _OBSERVED)
    log_evidence = -0.5 * (squares + np.linalg.slogdet(observed)[1] + len(_WHEN) * _LOG_2PI)
    covariance = prior - gain @ prior[_WHEN]
    return gain @ _OBSERVED, 0.5 * (covariance + covariance.T), float(log_evidence)
