"""Evidence from local maxima of the target: a fresh search for modes, and whether the flow reaches what it finds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from transjet.paths import GaussianPrior
from transjet.pilot import Frame, Peaks, afforded, beyond, climb, distinct

Array = jax.Array
PEAKS = 64  # peaks that are looked at
_ITERATIONS = 60
_LEAST_SHARE = 0.01  # of the mass, of what counts as a mode
_MOST_SHARE = 2.0  # above it Laplace's approximation is wrong
LOOKED_AT = 16  # thin peaks whose mass is found by draws
DRAWS = 64  # around each
_SCALES = 4  # of the Gaussian that they are from
_WIDEST = 4.0  # variance of draws along a direction in which a peak is flat, in units of the samples'


class Summits(NamedTuple):
    """Distinct local maxima, padded to `PEAKS` rows by the first one.

    Attributes:
        x: where, (m, d).
        log_rho: there, (m,).
        log_mass: of each, by Laplace's approximation, (m,).
        number: how many are different.
    """

    x: np.ndarray
    log_rho: np.ndarray
    log_mass: np.ndarray
    number: int


class Surroundings(NamedTuple):
    """Draws around peaks.

    Attributes:
        x: where, (m, n, d).
        log_rho: there, (m, n).
        log_ratio: log rho minus log of the sum of the densities by which all peaks' draws were made, (m, n).
    """

    x: Array
    log_rho: Array
    log_ratio: Array


def climbed(
    log_density: Callable[[Array], Array], prior: GaussianPrior, frame: Frame, x: Array, key: Array, climbers: int
) -> Peaks:
    """Climbers in coordinates of a frame, a third each from the prior, from one twice as wide, and from samples.

    The last ones start between and beyond samples x (m, d) of the flow: modes that it has may lead to others.
    """
    keys, climbers, dtype = jax.random.split(key, 3), afforded(climbers, prior.dim), jnp.asarray(frame.shift).dtype
    third = climbers // 3
    wide = prior.sample(keys[0], third, dtype), prior.widened(2.0).sample(keys[1], third, dtype)
    starts = jnp.concatenate([*wide, beyond(keys[2], x.astype(dtype), climbers - 2 * third)])
    return climb(frame.whitened(log_density), frame.inward(starts), _ITERATIONS)


def frame_of(x: np.ndarray, dtype: np.dtype) -> Frame:
    """Coordinates in which points (m, d) are white."""
    return Frame(*(a.astype(dtype) for a in Frame.of(np.asarray(x, np.float64))))


def summits(peaks: Peaks, frame: Frame) -> Summits | None:
    """The different ones among peaks in coordinates of a frame; None: no climber arrived anywhere."""
    chosen = distinct(peaks, PEAKS)
    if not len(chosen):
        return None
    rows = np.concatenate([chosen, np.repeat(chosen[:1], PEAKS - len(chosen))])
    value = np.asarray(peaks.value, np.float64)[rows]
    covariance = np.asarray(peaks.covariance, np.float64)[rows]
    d = covariance.shape[1]
    log_mass = value + 0.5 * np.linalg.slogdet(covariance)[1] + 0.5 * d * math.log(2 * math.pi)
    x = np.asarray(frame.outward(np.asarray(peaks.x)[rows]))
    return Summits(x, value - frame.log_det, log_mass, len(chosen))


def has_hessian(log_density: Callable[[Array], Array], x: Array) -> bool:
    """Whether JAX differentiates a log density twice: rules of one's own may forbid the second time."""
    try:
        jax.eval_shape(jax.hessian(log_density), x)
    except (TypeError, ValueError, NotImplementedError):  # a custom rule, a callback, an operation without a rule
        return False
    return True


def around(log_density: Callable[[Array], Array], frame: Frame, x: Array, key: Array) -> Surroundings:
    """Draws from the Gaussian of the Hessian at each peak x (m, d), and from wider ones.

    Climbers only guess the Hessian on their way. Slopes, of a funnel say, then pass for peaks of a large mass. The mass
    of a mode with heavy tails lies farther out than its Hessian says: that of Student's t with nu degrees of freedom at
    sqrt((nu + d) / (nu - 2)) times the distance.
    """
    inner, y, d = frame.whitened(log_density), frame.inward(x), x.shape[1]
    hessians = jax.lax.map(jax.hessian(inner), y)
    finite = jnp.isfinite(hessians).all(axis=(1, 2), keepdims=True)
    values, vectors = jnp.linalg.eigh(jnp.where(finite, -hessians, jnp.eye(d, dtype=y.dtype)))
    scale = 1 / jnp.sqrt(jnp.maximum(values, 1 / _WIDEST))
    wider = jnp.asarray(np.geomspace(1, math.sqrt(1 + d / 2), _SCALES), y.dtype)
    z = jnp.repeat(wider, DRAWS // _SCALES)[:, None] * jax.random.normal(key, (len(y), DRAWS, d), y.dtype)
    draws = y[:, None] + jnp.einsum("mij,mj,mnj->mni", vectors, scale, z)
    white = jnp.einsum("kij,mnki->mnkj", vectors, draws[:, :, None] - y) / scale
    constant = jnp.sum(jnp.log(scale), axis=1) + 0.5 * d * math.log(2 * math.pi) + math.log(_SCALES)
    log_q = -0.5 * jnp.sum(white**2, axis=3)[..., None] / wider**2 - d * jnp.log(wider) - constant[:, None]
    log_sum = jax.nn.logsumexp(log_q, axis=(2, 3))
    value = jax.lax.map(jax.vmap(inner), draws)
    return Surroundings(frame.outward(draws), value - frame.log_det, value - log_sum)


def thin_at(constant: float, log_rho: Any, log_q: Any, thin: float) -> np.ndarray:
    """Where the flow hardly reaches points: rho / Z exceeds its density by `thin` nats, or it has none."""
    high = np.asarray(log_rho, np.float64)
    excess = high - np.asarray(log_q, np.float64) - constant
    return np.asarray((np.isnan(excess) | (excess > thin)) & np.isfinite(high))


def heaviest(found: Summits, missed: np.ndarray) -> np.ndarray:
    """Indices of the missed peaks of the largest mass, `LOOKED_AT` of them, padded by the first one."""
    rows = np.flatnonzero(missed[: found.number])
    rows = rows[np.argsort(-found.log_mass[rows], kind="stable")][:LOOKED_AT]
    return np.concatenate([rows, np.repeat(rows[:1], LOOKED_AT - len(rows))])


def weighed(
    found: Summits, rows: np.ndarray, near: Surroundings, log_q: np.ndarray, constant: float, thin: float
) -> tuple[Summits, float]:
    """Peaks with the mass around some of them in place of Laplace's approximation, and its standard error.

    Args:
        found: the peaks.
        rows: indices of those that `near` is around, (m,); one may be there more than once.
        near: draws around these.
        log_q: the flow's log density at the draws, (m, n).
        constant: log Z by the flow's samples.
        thin: as in `peak_figures`; mass that the flow reaches does not count.

    Returns:
        Peaks, and the standard error of the mass of those that were looked at, in units of Z. A draw without a density
        has no mass.
    """
    missed = thin_at(constant, near.log_rho, log_q, thin)
    ratio = np.where(missed, np.asarray(near.log_ratio, np.float64) - constant, -np.inf)
    shares = np.exp(np.minimum(ratio, 300))
    error = math.sqrt(float(np.sum(shares.var(axis=1, ddof=1)) / shares.shape[1]))
    mass = np.zeros(len(found.log_mass))
    np.add.at(mass, rows, shares.mean(axis=1))
    with np.errstate(divide="ignore"):
        log_mass = np.where(np.isin(np.arange(len(mass)), rows), np.log(mass) + constant, found.log_mass)
    return found._replace(log_mass=log_mass), error


def peak_figures(constant: float, found: Summits, missed: np.ndarray) -> dict[str, float]:
    """What peaks say about the flow.

    Args:
        constant: log Z by the flow's samples.
        found: the peaks.
        missed: whether the flow hardly reaches them, (m,).

    Returns:
        peaks: their number; thin_peaks: of those that the flow hardly reaches; peak_mass: the mass of these relative to
        all, by draws or by Laplace's approximation, which is exact for Gaussian modes; peak_volumes: by how many nats
        the volumes of modes differ that have a hundredth of the mass or more.
    """
    missed = missed[: found.number]
    mass = float(np.sum(np.exp(np.minimum(found.log_mass[: found.number][missed] - constant, 700))))
    volume, share = (found.log_mass - found.log_rho)[: found.number], found.log_mass[: found.number] - constant
    modes = volume[(share > math.log(_LEAST_SHARE)) & (share < math.log(_MOST_SHARE))]
    return {
        "peaks": float(found.number),
        "thin_peaks": float(missed.sum()),
        "peak_mass": mass / (1 + mass),
        "peak_volumes": float(np.ptp(modes)) if len(modes) > 1 else 0.0,
    }
