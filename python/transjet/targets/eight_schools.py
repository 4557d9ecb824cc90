"""Eight schools: a hierarchical model whose scale may be near zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from transjet.targets import _checks
from transjet.targets._tabulated import TabulatedDensity
from transjet.targets.base import Target, pointwise

# Effects of coaching in eight schools and their standard errors: Rubin (1981), table 1.
_EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
_ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
_LOG_2PI = math.log(2.0 * math.pi)


def eight_schools(*, name: str = "eight-schools") -> Target:
    """Build the posterior of eight schools in the non-centred form, coordinates (z_1..z_8, mu, log tau).

    y_j ~ N(mu + tau z_j, s_j^2), z_j ~ N(0, 1), mu ~ N(0, 5^2), tau ~ half-Cauchy(5), all normalised, with the Jacobian
    of log tau: the posterior eight_schools_noncentered of posteriordb, data of Rubin (1981).

    Given tau everything is Gaussian. Integrating that out leaves a density of log tau alone, of which quadrature gives
    log Z = -31.311347 and the moments, and whose tabulated distribution gives an exact sampler.

    Args:
        name: name of the target.

    Returns:
        The target, with exact log_z, sampler and moments.
    """
    table = TabulatedDensity(lambda s: _log_marginal(np.exp(s)), -40.0, 12.0)
    mean, std = _moments(table)

    def log_density(x: jax.Array) -> jax.Array:
        z, mu, log_tau = x[:8], x[8], x[9]
        y, s = (jnp.asarray(v, x.dtype) for v in (_EFFECTS, _ERRORS))
        tau = jnp.exp(log_tau)
        squares = jnp.sum(((y - mu - tau * z) / s) ** 2) + jnp.sum(z**2) + (mu / 5.0) ** 2
        constant = -8.5 * _LOG_2PI - float(np.log(_ERRORS).sum()) - math.log(5.0) + math.log(2.0 / (5.0 * math.pi))
        # log(1 + (tau/5)^2) by a form that does not overflow for large log tau.
        return constant + log_tau - jax.nn.softplus(2.0 * (log_tau - math.log(5.0))) - 0.5 * squares

    def sample(key: jax.Array, n: int) -> jax.Array:
        key_tau, key_rest = jax.random.split(key)
        log_tau = table.sample(key_tau, (_checks.sample_size(n), 1))
        tau, noise = jnp.exp(log_tau), jax.random.normal(key_rest, (n, 9), log_tau.dtype)
        y, s = (jnp.asarray(v, log_tau.dtype) for v in (_EFFECTS, _ERRORS))
        total = s**2 + tau**2
        precision = 1 / 25.0 + jnp.sum(1 / total, axis=1, keepdims=True)
        mu = jnp.sum(y / total, axis=1, keepdims=True) / precision + noise[:, 8:] / jnp.sqrt(precision)
        z = tau * (y - mu) / total + noise[:, :8] * s / jnp.sqrt(total)
        return jnp.concatenate([z, mu, log_tau], axis=1)

    edge = np.array([4.0] * 8 + [16.0, 5.0])
    middle = np.array([0.0] * 8 + [4.0, 0.0])
    return Target(
        name=name,
        dim=10,
        log_density=pointwise(log_density, 10),
        log_z=table.log_z - 4.0 * _LOG_2PI,
        sample=sample,
        box=(middle - edge, middle + edge),
        mean=mean,
        std=std,
        prior_std=2.0,
        description="hierarchical model of eight schools, not centred",
    )


def _given(tau: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Variances s^2 + tau^2 of the effects (n, 8), and mean and variance of mu given tau (n,)."""
    total = _ERRORS**2 + tau[:, None] ** 2
    variance = 1.0 / (1 / 25.0 + (1 / total).sum(axis=1))
    return total, variance * (_EFFECTS / total).sum(axis=1), variance


def _log_marginal(tau: np.ndarray) -> np.ndarray:
    """Log density of the data and log tau, times (2 pi)^4."""
    total, mu, variance = _given(tau)
    prior = np.log(tau) + math.log(2.0 / (5.0 * math.pi)) - np.log1p((tau / 5.0) ** 2)
    squares = (_EFFECTS**2 / total).sum(axis=1) - mu**2 / variance
    return prior + 0.5 * np.log(variance / 25.0) - 0.5 * np.log(total).sum(axis=1) - 0.5 * squares


def _moments(table: TabulatedDensity) -> tuple[np.ndarray, np.ndarray]:
    def first(s: np.ndarray) -> np.ndarray:
        tau = np.exp(s)
        total, mu, _ = _given(tau)
        return np.column_stack([tau[:, None] * (_EFFECTS - mu[:, None]) / total, mu, s])

    def second(s: np.ndarray) -> np.ndarray:
        tau = np.exp(s)
        total, _, variance = _given(tau)
        z = _ERRORS**2 / total + (tau[:, None] / total) ** 2 * variance[:, None]
        return first(s) ** 2 + np.column_stack([z, variance, 0 * s])

    mean, square = _columns(table, first), _columns(table, second)
    return mean, np.sqrt(square - mean**2)


def _columns(table: TabulatedDensity, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    def column(k: int, s: np.ndarray) -> np.ndarray:
        return function(s)[:, k]

    return np.array([table.expectation(partial(column, k)) for k in range(10)])
