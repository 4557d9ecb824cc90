"""Evidence from local maxima of the target: a fresh search for modes, and whether the flow reaches what it finds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

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


def peak_figures(constant: float, found: Summits, log_q: np.ndarray, thin: float) -> dict[str, float]:
    """What peaks say about the flow.

    Args:
        constant: log Z by the flow's samples.
        found: the peaks.
        log_q: the flow's log density there, (m,).
        thin: log ratio of rho / Z to the flow's density above which the flow hardly reaches a point.

    Returns:
        peaks: their number; thin_peaks: of those that the flow hardly reaches; peak_mass: the mass of these relative to
        all, by Laplace's approximation, which is exact for Gaussian modes; peak_volumes: by how many nats the volumes
        of modes differ that have a hundredth of the mass or more.
    """
    excess = found.log_rho - np.asarray(log_q, np.float64) - constant
    missed = (np.isnan(excess) | (excess > thin))[: found.number]
    mass = float(np.sum(np.exp(np.minimum(found.log_mass[: found.number][missed] - constant, 700))))
    volume, share = (found.log_mass - found.log_rho)[: found.number], found.log_mass[: found.number] - constant
    modes = volume[(share > math.log(_LEAST_SHARE)) & (share < math.log(_MOST_SHARE))]
    return {
        "peaks": float(found.number),
        "thin_peaks": float(missed.sum()),
        "peak_mass": mass / (1 + mass),
        "peak_volumes": float(np.ptp(modes)) if len(modes) > 1 else 0.0,
    }
