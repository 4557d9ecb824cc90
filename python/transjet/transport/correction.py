"""Corrections of weighted samples: resampling, Langevin steps, and independence Metropolis-Hastings.

Weights w of particles x are proper for a density rho where E[w f(x)] = integral of f rho for every f. Each correction
keeps them so: resampling replaces the weights by their mean, so that their mean goes on estimating Z; a Langevin step
with Metropolis's rule leaves rho invariant and the weights alone; independence Metropolis-Hastings takes the weighted
samples one after the other as proposals of a chain whose stationary density is rho / Z.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from transjet.collocation.mala import Langevin, ValueAndGrad, adapted, langevin_step
from transjet.collocation.resample import lost_as_zero, picked, systematic
from transjet.errors import ConfigError, ShapeError, TargetError
from transjet.transport.sampling import WeightedSamples

Array = jax.Array

RESAMPLINGS = ("systematic", "multinomial")
UNWEIGHTINGS = (*RESAMPLINGS, "independence-mh")


def log_mean_weight(log_weights: Array) -> Array:
    """Log of the mean weight of log weights (n,), a scalar; NaN and +inf count as weights of zero."""
    clean = lost_as_zero(log_weights)
    return jax.nn.logsumexp(clean) - math.log(clean.shape[0])


def resample_indices(key: Array, log_weights: Array, kind: str = "systematic") -> Array:
    """Indices of the particles that go on: particle i on average n w_i / sum(w) times.

    Args:
        key: JAX random key.
        log_weights: (n,); NaN and +inf count as weights of zero. Where all are zero, every particle stays.
        kind: "systematic" (one random number, least variance) or "multinomial" (independent draws).

    Returns:
        (n,) whole numbers in [0, n).

    Raises:
        ConfigError: another kind.
        ShapeError: `log_weights` is not (n,) with n of at least 1.
    """
    if kind not in RESAMPLINGS:
        raise ConfigError(f"resampling: expected one of {', '.join(RESAMPLINGS)}; got {kind!r}")
    if log_weights.ndim != 1 or log_weights.shape[0] < 1:
        raise ShapeError(f"resampling: log_weights: expected shape (n,), n >= 1; got {log_weights.shape}")
    n, clean = log_weights.shape[0], lost_as_zero(log_weights)
    if kind == "systematic":
        return systematic(key, clean, n)
    return picked(clean, jax.random.uniform(key, (n,), clean.dtype))


def langevin(
    density: ValueAndGrad, x: Array, key: Array, *, steps: int, step_size: float = 0.05, adapt: bool = True
) -> Langevin:
    """Metropolis-adjusted Langevin steps of all particles at one density; importance weights stay what they were.

    Args:
        density: log density, up to a constant, with its gradient.
        x: particles, (n, d).
        key: JAX random key.
        steps: how many, 0 or more.
        step_size: eps of the first step, positive; in units of length squared.
        adapt: adapt it between steps, see `adapted`.

    Returns:
        Langevin; its acceptance is the mean over all steps (1 where there are none).

    Raises:
        ConfigError: a negative number of steps, or a step size that is not positive.
    """
    if steps < 0 or not (math.isfinite(step_size) and step_size > 0):
        raise ConfigError(f"langevin: expected steps >= 0 and a positive step_size; got {steps} and {step_size}")
    value, grad = density(x)
    one = jnp.ones((), x.dtype)
    start = Langevin(x, value, grad, one, jnp.asarray(step_size, x.dtype))

    def step(state: Langevin, key: Array) -> tuple[Langevin, Array]:
        moved = langevin_step(density, state, key)
        return (adapted(moved) if adapt else moved), moved.acceptance

    if steps == 0:
        return start
    end, acceptances = jax.lax.scan(step, start, jax.random.split(key, steps))
    return end._replace(acceptance=jnp.mean(acceptances))


class Chain(NamedTuple):
    """A Metropolis-Hastings chain over weighted samples.

    Attributes:
        positions: which sample the chain is at after each proposal, (n,).
        acceptance: share of accepted proposals, scalar.
    """

    positions: Array
    acceptance: Array


def independence_chain(key: Array, log_weights: Array) -> Chain:
    """Take independent weighted samples in order as proposals, each accepted with probability min(1, w_new / w_old).

    The samples with these indices are a Markov chain whose stationary law is the target (Tierney 1994), without bias
    from any finite number of particles once it has forgotten its start.

    Args:
        key: JAX random key.
        log_weights: (n,) of independent samples; NaN and +inf count as weights of zero.

    Returns:
        Chain(positions (n,), acceptance).
    """
    clean = lost_as_zero(log_weights)
    thresholds = jnp.log(jax.random.uniform(key, clean.shape, clean.dtype, minval=jnp.finfo(clean.dtype).tiny))

    def step(at: Array, proposal: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        new, threshold = proposal
        # A chain at weight zero goes anywhere; between two zeros the difference is NaN.
        taken = jnp.isneginf(clean[at]) | (threshold < clean[new] - clean[at])
        at = jnp.where(taken, new, at)
        return at, (at, taken)

    number = jnp.arange(1, clean.shape[0])
    _, (rest, taken) = jax.lax.scan(step, jnp.zeros((), number.dtype), (number, thresholds[1:]))
    index = jnp.concatenate([jnp.zeros(1, number.dtype), rest])
    return Chain(index, jnp.mean(taken.astype(clean.dtype)) if taken.shape[0] else jnp.ones((), clean.dtype))


def integrated_autocorrelation(series: Any) -> np.ndarray:
    """Integrated autocorrelation time 1 + 2 sum of autocorrelations, in steps of the chain; n / it is the chain's ESS.

    The sum ends where a pair of neighbouring autocorrelations is no longer positive (Geyer 1992).

    Args:
        series: (n,) or (n, d) values along one chain, n of at least 2.

    Returns:
        One number per column, (d,); NaN for a column that never changes.

    Raises:
        ShapeError: another shape.
        TargetError: a value is not finite.
    """
    values = np.asarray(series, np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) < 2:
        raise ShapeError(f"autocorrelation: expected (n,) or (n, d) with n >= 2; got {np.shape(series)}")
    if not np.isfinite(values).all():
        raise TargetError("autocorrelation: expected finite values; leave out what is not")
    return np.array([_autocorrelation_time(column) for column in (values - values.mean(axis=0)).T])


def _autocorrelation_time(centred: np.ndarray) -> float:
    n = len(centred)
    spectrum = np.abs(np.fft.rfft(centred, 2 * n)) ** 2
    covariance = np.fft.irfft(spectrum)[:n]
    if covariance[0] <= 0:
        return float("nan")
    rho = covariance / covariance[0]
    pairs = rho[0 : n - n % 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    kept = pairs[: ends[0]] if len(ends) else pairs
    return float(max(2 * kept.sum() - 1, 1 / n))


class Unweighted(NamedTuple):
    """Samples of equal weight.

    Attributes:
        samples: WeightedSamples whose log weights are all the estimate of log Z.
        acceptance: of independence Metropolis-Hastings; 1 for resampling.
        autocorrelation: integrated autocorrelation time per coordinate, (d,); 1 for resampling.
        distinct: share of distinct samples.
    """

    samples: WeightedSamples
    acceptance: float
    autocorrelation: np.ndarray
    distinct: float


def unweighted(samples: WeightedSamples, key: Array, kind: str = "systematic") -> Unweighted:
    """Samples of equal weight from weighted ones.

    Args:
        samples: independent weighted samples.
        key: JAX random key.
        kind: "systematic" or "multinomial" resampling, or "independence-mh".

    Returns:
        As many samples as given, some of them more than once.

    Raises:
        ConfigError: another kind.
        TargetError: all weights are zero.
    """
    if kind not in UNWEIGHTINGS:
        raise ConfigError(f"unweighted: expected one of {', '.join(UNWEIGHTINGS)}; got {kind!r}")
    # Samples without a finite position are lost, as those without a finite weight.
    finite = np.isfinite(samples.x).all(axis=1)
    log_w = jnp.where(jnp.asarray(finite), lost_as_zero(jnp.asarray(samples.log_weights)), -jnp.inf)
    if bool(jnp.all(jnp.isneginf(log_w))):
        raise TargetError("unweighted: expected at least one positive weight; all are zero")
    level = float(log_mean_weight(log_w))
    if kind == "independence-mh":
        chain = jax.jit(independence_chain)(key, log_w)
        index, acceptance = np.asarray(chain.positions), float(chain.acceptance)
        lost = np.isneginf(np.asarray(log_w))[index]  # a chain that began at weight zero
        index = np.where(lost, index[~lost][0], index)
    else:
        index, acceptance = np.asarray(resample_indices(key, log_w, kind)), 1.0
    x = np.asarray(samples.x)[index]
    mean = np.full(len(x), level, np.asarray(samples.log_weights).dtype)
    # log q = log rho - log w of the sample that was kept; under equal weights that is log rho - log Z.
    log_rho = np.asarray(samples.log_q)[index] + np.asarray(samples.log_weights)[index]
    times = integrated_autocorrelation(x) if kind == "independence-mh" and len(x) > 1 else np.ones(x.shape[1])
    return Unweighted(WeightedSamples(x, mean, log_rho - mean), acceptance, times, len(np.unique(index)) / len(index))
