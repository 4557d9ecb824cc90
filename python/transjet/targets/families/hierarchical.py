"""Posteriors of hierarchical normal models of simulated data."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets._tabulated import TabulatedDensity
from transjet.targets.families.core import Core
from transjet.targets.families.drawing import log_uniform

_LOG_2PI = math.log(2.0 * math.pi)
# Standard deviations of the priors of mu and of log tau.
_PRIOR_MU, _PRIOR_LOG_TAU = 3.0, 1.5
# Farther out log tau stays, or float32 would overflow; nine standard deviations of its prior, 1e-19 of its mass.
_FARTHEST = 9.0 * _PRIOR_LOG_TAU


def hierarchical(rng: np.random.Generator, dim: int) -> Core:
    """Draw the posterior of the mean, the log scale and d - 2 effects of groups, centred or not.

    Standard errors are 0.3 to 3; the true scale is 0.1 to 3, the true mean N(0, 3^2).
    """
    groups, centred = dim - 2, bool(rng.integers(2))
    errors = log_uniform(rng, 0.3, 3.0, groups)
    mu, tau = _PRIOR_MU * rng.standard_normal(), float(log_uniform(rng, 0.1, 3.0))
    effects = mu + tau * rng.standard_normal(groups)
    return normal_groups(effects + errors * rng.standard_normal(groups), errors, centred=centred)


def normal_groups(y: np.ndarray, errors: np.ndarray, *, centred: bool) -> Core:
    """Build the posterior of y_j ~ N(e_j, errors_j^2), e_j ~ N(mu, tau^2), mu ~ N(0, 3^2), log tau ~ N(0, 1.5^2).

    Coordinates are (mu, log tau, e_1, ...) where it is centred, else (mu, log tau, (e_1 - mu) / tau, ...); all
    normalisers are included. Given tau everything is Gaussian; quadrature over log tau gives log Z and the moments,
    and its tabulated distribution an exact sampler.

    Args:
        y: (j,) data.
        errors: (j,) their standard errors, positive.
        centred: which coordinates to take.

    Returns:
        The core, of j + 2 coordinates.
    """
    groups, dim = len(y), len(y) + 2
    model = _Groups(y, errors)
    table = TabulatedDensity(model.log_marginal, -_FARTHEST, _FARTHEST)
    mean, std = _moments(table, model, centred)
    constant = -(groups + 1) * _LOG_2PI - math.log(_PRIOR_MU * _PRIOR_LOG_TAU) - float(np.log(errors).sum())

    def log_density(z: jax.Array) -> jax.Array:
        mu, log_tau, rest = z[0], jnp.clip(z[1], -_FARTHEST, _FARTHEST), z[2:]
        plain = (rest - mu) * jnp.exp(-log_tau) if centred else rest
        effects = rest if centred else mu + jnp.exp(log_tau) * rest
        misfit = (jnp.asarray(y, z.dtype) - effects) / jnp.asarray(errors, z.dtype)
        squares = (mu / _PRIOR_MU) ** 2 + (z[1] / _PRIOR_LOG_TAU) ** 2 + jnp.sum(plain**2) + jnp.sum(misfit**2)
        return constant - 0.5 * squares - (groups * log_tau if centred else 0.0)

    def sample(key: jax.Array, n: int) -> jax.Array:
        key_tau, key_rest = jax.random.split(key)
        log_tau = table.sample(key_tau, (n, 1))
        tau, noise = jnp.exp(log_tau), jax.random.normal(key_rest, (n, groups + 1), log_tau.dtype)
        data, s = jnp.asarray(y, tau.dtype), jnp.asarray(errors, tau.dtype)
        total = s**2 + tau**2
        precision = _PRIOR_MU**-2 + jnp.sum(1.0 / total, axis=1, keepdims=True)
        mu = jnp.sum(data / total, axis=1, keepdims=True) / precision + noise[:, :1] / jnp.sqrt(precision)
        plain = tau * (data - mu) / total + noise[:, 1:] * s / jnp.sqrt(total)
        return jnp.concatenate([mu, log_tau, mu + tau * plain if centred else plain], axis=1)

    return Core(
        dim=dim,
        log_density=log_density,
        log_z=table.log_z,
        sample=sample,
        description=f"hierarchical model of {groups} groups, {'' if centred else 'not '}centred",
        mean=mean,
        std=std,
    )


class _Groups:
    """What is Gaussian given log tau, for many values of it at once."""

    def __init__(self, y: np.ndarray, errors: np.ndarray) -> None:
        self.y, self.squares = y[:, None], errors[:, None] ** 2

    def given(self, log_tau: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Variances of the data about mu (j, n), and mean and variance of mu (n,)."""
        total = self.squares + np.exp(2.0 * log_tau)
        variance = 1.0 / (_PRIOR_MU**-2 + (1.0 / total).sum(axis=0))
        return total, variance * (self.y / total).sum(axis=0), variance

    def log_marginal(self, log_tau: np.ndarray) -> np.ndarray:
        """Log density of the data and log tau."""
        total, mu, variance = self.given(log_tau)
        squares = (self.y**2 / total).sum(axis=0) - mu**2 / variance + (log_tau / _PRIOR_LOG_TAU) ** 2
        logs = np.log(total).sum(axis=0) + 2.0 * math.log(_PRIOR_LOG_TAU) - np.log(variance / _PRIOR_MU**2)
        return -0.5 * (squares + logs + (len(self.y) + 1) * _LOG_2PI)


def _moments(table: TabulatedDensity, model: _Groups, centred: bool) -> tuple[np.ndarray, np.ndarray]:
    def conditional(log_tau: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        total, mu, variance = model.given(log_tau)
        tau = np.exp(log_tau)
        # Slope, and mean and variance at mu = 0, of what is linear in mu.
        if centred:
            slope, start, noise = model.squares / total, tau**2 * model.y / total, model.squares * tau**2 / total
        else:
            slope, start, noise = -tau / total, tau * model.y / total, model.squares / total
        first = np.vstack([mu, log_tau, start + slope * mu])
        return first, np.vstack([variance, 0.0 * log_tau, noise + slope**2 * variance])

    def first(log_tau: np.ndarray) -> np.ndarray:
        return conditional(log_tau)[0]

    mean = table.expectations(first)

    def second(log_tau: np.ndarray) -> np.ndarray:
        means, variances = conditional(log_tau)
        return (means - mean[:, None]) ** 2 + variances

    return mean, np.sqrt(table.expectations(second))
