"""Figures of the log importance weights log w = log rho(x) - log q(x) of independent samples x ~ q.

All sums are in float64 and relative to the largest weight. Standard errors are by the delta method, which
holds while the moments that they use are themselves well estimated: E[w^2] for log Z, E[w^4] for the ESS. For
log-normal weights and 2,000 samples, that of the ESS is right for an ESS above 0.6, and a quarter too small
at 0.37.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from transjet.errors import TargetError
from transjet.metrics import _checks
from transjet.metrics.estimate import Estimate, from_influence


def count_nonfinite(log_w: Any) -> int:
    """Return the number of log weights that are NaN or +inf; -inf is a legal weight of zero.

    Args:
        log_w: (n,) log weights, n >= 2.

    Returns:
        The count.

    Raises:
        ShapeError: ``log_w`` is not (n,).
        DTypeError: ``log_w`` does not hold real numbers.
    """
    values = _checks.log_weights(log_w)
    return int((np.isnan(values) | (values == np.inf)).sum())


def log_z(log_w: Any, *, nonfinite: str = "raise") -> Estimate:
    """Estimate log Z by the log of the mean weight.

    Args:
        log_w: (n,) log weights.
        nonfinite: ``"raise"`` refuses NaN and +inf; ``"count"`` takes them as lost draws, that is as weights
            of zero, so that failures lower the figure instead of vanishing. ``count_nonfinite`` counts them.

    Returns:
        log mean w; standard error std(w) / (mean(w) sqrt(n)).

    Raises:
        TargetError: a weight is NaN or +inf, or all are zero.
        ShapeError: ``log_w`` is not (n,) with n >= 2.
        DTypeError: ``log_w`` does not hold real numbers.
        ConfigError: ``nonfinite`` is unknown.
    """
    log_scale, u = _relative_weights(log_w, nonfinite)
    return from_influence(log_scale, u)


def ess(log_w: Any, *, nonfinite: str = "raise") -> Estimate:
    """Estimate the normalised effective sample size (sum w)^2 / (n sum w^2), between 1/n and 1.

    With u = w / mean(w) and r = 1 / mean(u^2), a sample's influence on r is r (2 u - r u^2 - 1).

    Args:
        log_w: (n,) log weights.
        nonfinite: as in ``log_z``.

    Returns:
        The normalised effective sample size.

    Raises:
        TargetError: a weight is NaN or +inf, or all are zero.
        ShapeError: ``log_w`` is not (n,) with n >= 2.
        DTypeError: ``log_w`` does not hold real numbers.
        ConfigError: ``nonfinite`` is unknown.

    Example:
        >>> ess([0.0, 0.0, 0.0, -float("inf")]).value
        0.75
    """
    _, u = _relative_weights(log_w, nonfinite)
    ratio = 1.0 / np.mean(u**2)
    return from_influence(ratio, ratio * (2.0 * u - ratio * u**2 - 1.0))


def elbo(log_w: Any, *, nonfinite: str = "raise") -> Estimate:
    """Estimate the evidence lower bound E_q[log w] <= log Z.

    Args:
        log_w: (n,) log weights of samples of q.
        nonfinite: ``"raise"`` refuses NaN and +inf; ``"count"`` leaves them out of the mean.

    Returns:
        mean log w; -inf with an infinite standard error if a weight is zero.

    Raises:
        TargetError: a weight is NaN or +inf, or all are zero.
        ShapeError: ``log_w`` is not (n,) with n >= 2.
        DTypeError: ``log_w`` does not hold real numbers.
        ConfigError: ``nonfinite`` is unknown.
    """
    values = _checks.log_weights(log_w)
    _checks.without_nonfinite(values, nonfinite)
    values = _checks.log_weights(values[~(np.isnan(values) | (values == np.inf))])
    if (values == -np.inf).any():
        return Estimate(-np.inf, np.inf)
    return from_influence(np.mean(values), values)


def eubo(log_w: Any) -> Estimate:
    """Estimate the evidence upper bound E_p[log w] >= log Z from exact samples of the target.

    Args:
        log_w: (n,) log rho(y) - log q(y) at samples y of the normalised target.

    Returns:
        mean log w.

    Raises:
        TargetError: a value is NaN or infinite (q misses a reference sample, or rho does).
        ShapeError: ``log_w`` is not (n,) with n >= 2.
        DTypeError: ``log_w`` does not hold real numbers.
    """
    values = _checks.log_weights(log_w)
    bad = ~np.isfinite(values)
    if bad.any():
        raise TargetError(
            f"log_w at the reference samples has NaN or infinity in {bad.sum()} of {len(values)} entries; "
            "the sampler's density or the target's vanishes there, so that the EUBO does not exist"
        )
    return from_influence(np.mean(values), values)


def _relative_weights(log_w: Any, nonfinite: str) -> tuple[float, np.ndarray]:
    """Return log mean(w) and (n,) w / mean(w)."""
    values = _checks.without_nonfinite(_checks.log_weights(log_w), nonfinite)
    top = values.max()
    w = np.exp(values - top)
    return float(top + np.log(w.mean())), w / w.mean()
