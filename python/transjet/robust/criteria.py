"""When a row has succeeded, and intervals of shares of rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from transjet.metrics import ess, mode_weights, weighted_moments
from transjet.targets import Target

_SETS = 20
CRITERIA = ("log_z", "ess", "modes", "moments")


@dataclass(frozen=True)
class Limits:
    """Of the criteria.

    Attributes:
        log_z: largest error of log Z.
        ess: least normalised effective sample size.
        weight: modes of less true weight are not looked at.
        mode: largest relative error of a mode's weight, beyond its counting error.
        counting: counting errors that are allowed for.
        sharp: a counting error above this share of the weight, or a moment's standard error above this share of the
            true standard deviation, says too little: the criterion is not met.
        moments: largest error of a moment, in standard errors.
        exact: share of sets of exact samples that meet the criterion of moments, below which it does not apply: tails
            are so heavy then that standard errors of samples say nothing.
    """

    log_z: float = 0.1
    ess: float = 0.5
    weight: float = 0.02
    mode: float = 0.2
    counting: float = 2.0
    sharp: float = 0.25
    moments: float = 4.0
    exact: float = 0.9


class Found(NamedTuple):
    """What a method hands to the judge.

    Attributes:
        x: (n, d) samples.
        log_weights: (n,) log importance weights; None: all alike.
        log_z: estimate, None where there is none.
        ess: normalised effective sample size of the weights, None where there are none.
        effective: (d,) effective numbers of samples for moments where these are correlated, the least of them for
            modes; None: the weights tell.
    """

    x: np.ndarray
    log_weights: np.ndarray | None
    log_z: float | None
    ess: float | None
    effective: np.ndarray | None = None


def judge(found: Found, target: Target, limits: Limits | None = None) -> dict[str, Any]:
    """Judge samples by a target's truth.

    Args:
        found: samples and estimates.
        target: what is true.
        limits: of the criteria; None: `Limits()`.

    Returns:
        Figures, and `passed`: criterion -> True, False, or None where it does not apply.

    Raises:
        TargetError: fewer than two samples are finite, or all weights are zero.
    """
    limits = Limits() if limits is None else limits
    figures: dict[str, Any] = {"ess": found.ess, "log_z": found.log_z}
    passed: dict[str, bool | None] = dict.fromkeys(CRITERIA)
    if found.log_z is not None and target.log_z is not None:
        figures["log_z_error"] = found.log_z - target.log_z
        passed["log_z"] = bool(abs(figures["log_z_error"]) <= limits.log_z)
    if found.ess is not None:
        passed["ess"] = bool(found.ess >= limits.ess)
    found = _finite(found)
    passed["modes"], of_modes = _modes(found, target, limits)
    passed["moments"], of_moments = _moments(found, target, limits)
    if passed["moments"] is False and target.sample is not None:
        of_moments["moments_exact"] = _exact(len(found.x), target, limits)
        if of_moments["moments_exact"] < limits.exact:
            passed["moments"] = None
    return figures | of_modes | of_moments | {"passed": passed}


def succeeded(passed: dict[str, bool | None]) -> bool:
    """Whether all criteria that apply are met, and any does."""
    return all(v is not False for v in passed.values()) and any(v for v in passed.values())


def wilson(successes: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's score interval of a share, of 95 % by default.

    Args:
        successes: of n trials.
        n: trials; 0 gives (0, 1).
        z: quantile of the normal distribution.

    Returns:
        Lower and upper end.
    """
    if n == 0:
        return 0.0, 1.0
    share, square = successes / n, z * z / n
    middle = (share + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(share * (1 - share) / n + square / (4 * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _exact(n: int, target: Target, limits: Limits) -> float:
    """Share of sets of n exact samples that meet the criterion of moments."""
    met = 0
    for seed in range(_SETS):
        x = np.asarray(target.sample(jax.random.key(seed), n), float)  # type: ignore[misc]
        met += _moments(Found(x, None, None, None), target, limits)[0] is True
    return met / _SETS


def _finite(found: Found) -> Found:
    """Without samples lost to NaN or infinity."""
    keep = np.isfinite(found.x).all(axis=1)
    log_w = found.log_weights
    if log_w is not None:
        log_w = np.asarray(log_w, float)
        keep &= ~np.isnan(log_w) & (log_w != np.inf)
        log_w = log_w[keep]
    return found._replace(x=np.asarray(found.x, float)[keep], log_weights=log_w)


def _effective(found: Found) -> float:
    if found.effective is not None:
        return float(np.min(found.effective))
    if found.log_weights is None:
        return float(len(found.x))
    return len(found.x) * float(ess(found.log_weights).value)


def _modes(found: Found, target: Target, limits: Limits) -> tuple[bool | None, dict[str, Any]]:
    """Every mode of enough weight, within a relative error beyond the counting error of the effective samples."""
    if target.modes is None or target.mode_weights is None:
        return None, {}
    truth = target.mode_weights
    shares = np.array([e.value for e in mode_weights(found.x, target, found.log_weights)])
    counting = np.sqrt(truth * (1 - truth) / _effective(found))
    counts = truth >= limits.weight
    right = np.abs(shares - truth) <= limits.mode * truth + limits.counting * counting
    right &= counting <= limits.sharp * truth
    ratio = float(np.min(np.minimum(shares / truth, truth / np.maximum(shares, 1e-300))[counts], initial=1.0))
    missing = int((counts & ~right).sum())
    return missing == 0, {"modes": int(counts.sum()), "modes_missed": missing, "mode_worst_ratio": ratio}


def _moments(found: Found, target: Target, limits: Limits) -> tuple[bool | None, dict[str, Any]]:
    """Means, and standard deviations where they are known, within so many standard errors, which must be sharp."""
    if target.mean is None:
        return None, {}
    m = weighted_moments(found.x, found.log_weights)
    wider = 1.0 if found.effective is None else np.sqrt(len(found.x) / found.effective)
    pairs = [(m.mean - target.mean, m.mean_std_error * wider)]
    if target.std is not None:
        pairs.append((m.std - target.std, m.std_std_error * wider))
    with np.errstate(divide="ignore", invalid="ignore"):
        worst = max(float(np.max(np.nan_to_num(np.abs(e) / s, nan=np.inf))) for e, s in pairs)
    scale = m.std if target.std is None else target.std
    vague = max(float(np.max(s / scale)) for _, s in pairs)
    passed = worst <= limits.moments and vague <= limits.sharp
    return passed, {"moments_worst": worst, "moments_std_error": vague}
