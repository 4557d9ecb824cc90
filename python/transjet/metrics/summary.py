"""All figures of one run in one object, for a terminal and for JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import numpy as np

from transjet.errors import TargetError
from transjet.metrics import _checks, modes, weights
from transjet.metrics.estimate import Estimate
from transjet.metrics.mmd import mmd_squared
from transjet.metrics.moments import std_error_metric
from transjet.metrics.sinkhorn import default_batch_size, sinkhorn_divergence
from transjet.targets import Target

# Points compared with exact samples of the target, in four batches of 2000.
_REFERENCE_POINTS = 8000
# A table lists up to so many modes one by one.
_TABLE_MODES = 10


@dataclasses.dataclass(frozen=True)
class Summary:
    """The figures of importance-weighted samples of a target; None where the target's truth is not known.

    Attributes:
        target: name of the target.
        n: number of samples.
        n_nonfinite: samples lost to NaN or infinity. They count as draws of weight zero in ``log_z`` and
            ``ess`` and are left out elsewhere.
        log_z: log of the mean weight.
        log_z_error: log_z - truth, with its sign.
        ess: normalised effective sample size.
        elbo: mean log weight.
        eubo: mean log weight at exact samples, if their log weights were given.
        mode_weights: share of the samples per mode, without weights.
        mode_weights_reweighted: the same with importance weights.
        mode_worst_ratio: worst agreement of ``mode_weights`` with the truth, in [0, 1].
        mode_coverage: entropic mode coverage of the samples, without weights.
        std_error_metric: mean over coordinates of |std - true std|, without weights.
        std_error_metric_reweighted: the same with importance weights.
        sinkhorn: Sinkhorn divergence from exact samples, without weights; NaN if its iterations fail to
            converge.
        sinkhorn_batch_size: points per batch in it; figures of different sizes do not compare.
        mmd_squared: squared maximum mean discrepancy from exact samples, without weights.
    """

    target: str
    n: int
    n_nonfinite: int
    log_z: Estimate
    log_z_error: Estimate | None
    ess: Estimate
    elbo: Estimate
    eubo: Estimate | None = None
    mode_weights: tuple[Estimate, ...] | None = None
    mode_weights_reweighted: tuple[Estimate, ...] | None = None
    mode_worst_ratio: Estimate | None = None
    mode_coverage: Estimate | None = None
    std_error_metric: Estimate | None = None
    std_error_metric_reweighted: Estimate | None = None
    sinkhorn: Estimate | None = None
    sinkhorn_batch_size: int | None = None
    mmd_squared: Estimate | None = None

    def to_json_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: ``key`` and ``key_std_error`` per figure, lists per mode.

        What is not known is None. Figures that are not finite stay so: JSON has no such numbers, and only the
        writer of a file can say there which they were.
        """
        result: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Estimate):
                result[field.name], result[f"{field.name}_std_error"] = map(float, value)
            elif isinstance(value, tuple):
                result[field.name] = [float(e.value) for e in value]
                result[f"{field.name}_std_error"] = [float(e.std_error) for e in value]
            else:
                result[field.name] = value
        return result

    def table(self) -> str:
        """Return a plain text table, one figure per line with its standard error."""
        rows = [("figure", "value", "std error"), ("target", self.target, ""), ("samples", str(self.n), "")]
        rows += [("samples lost", str(self.n_nonfinite), "")]
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Estimate):
                rows.append(_row(field.name.replace("_", " "), value))
            elif isinstance(value, tuple):
                rows += _mode_rows(field.name.replace("_weights", " weight").replace("_", " "), value)
        wide = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [f"{a:<{wide[0]}}  {b:>{wide[1]}}  {c:>{wide[2]}}".rstrip() for a, b, c in rows]
        return "\n".join([lines[0], "-" * (sum(wide) + 4), *lines[1:]])


def summarize(
    x: Any, log_w: Any, target: Target, *, key: jax.Array | None = None, log_w_reference: Any = None
) -> Summary:
    """Compute all figures that the samples and the target's known truths allow.

    Args:
        x: (n, dim) independent samples of the sampler's density q. Rows with NaN or infinity are counted as
            lost.
        log_w: (n,) log rho(x) - log q(x). NaN and +inf are counted as lost, -inf is a weight of zero.
        target: what was sampled.
        key: a ``jax.random`` key. If given, and the target can be sampled, exact samples are drawn for the
            Sinkhorn divergence and the MMD (a few seconds; needs ott-jax).
        log_w_reference: (m,) log rho(y) - log q(y) at exact samples y of the target, for the EUBO.

    Returns:
        The summary.

    Raises:
        TargetError: fewer than two samples are finite, or all weights are zero.
        ShapeError: ``x`` or ``log_w`` has the wrong shape, or ``key`` is given and there are fewer than 32
            samples.
        DTypeError: ``x`` or ``log_w`` does not hold real numbers.
        ConfigError: ``key`` is given and ott-jax is not installed.
    """
    points, log_w, lost = _split_lost(x, log_w, target)
    kept, kept_log_w = points[~lost], log_w[~lost]
    log_z = weights.log_z(log_w, nonfinite="count")
    return Summary(
        target=target.name,
        n=len(points),
        n_nonfinite=int(lost.sum()),
        log_z=log_z,
        log_z_error=None if target.log_z is None else log_z._replace(value=log_z.value - target.log_z),
        ess=weights.ess(log_w, nonfinite="count"),
        elbo=weights.elbo(kept_log_w),
        eubo=None if log_w_reference is None else weights.eubo(log_w_reference),
        **_mode_figures(kept, kept_log_w, target),
        **_moment_figures(kept, kept_log_w, target),
        **_reference_figures(kept, target, key),
    )


def _split_lost(x: Any, log_w: Any, target: Target) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return samples, log weights with NaN for lost samples, and (n,) which are lost."""
    points = _checks.rows(x, dim=target.dim)
    log_w = _checks.log_weights(log_w, len(points))
    lost = ~np.isfinite(points).all(axis=1) | np.isnan(log_w) | (log_w == np.inf)
    if (~lost).sum() < 2:
        raise TargetError(f"only {(~lost).sum()} of {len(lost)} samples are finite; the run has failed")
    return points, np.where(lost, np.nan, log_w), lost


def _mode_figures(x: np.ndarray, log_w: np.ndarray, target: Target) -> dict[str, Any]:
    if target.modes is None:
        return {}
    shares = modes.mode_weights(x, target)
    figures: dict[str, Any] = {
        "mode_weights": shares,
        "mode_weights_reweighted": modes.mode_weights(x, target, log_w),
    }
    if target.mode_weights is not None:
        figures["mode_worst_ratio"] = modes.worst_mode_ratio(shares, target.mode_weights)
    if len(target.modes) > 1:
        figures["mode_coverage"] = modes.mode_coverage(x, target)
    return figures


def _moment_figures(x: np.ndarray, log_w: np.ndarray, target: Target) -> dict[str, Any]:
    if target.std is None:
        return {}
    return {
        "std_error_metric": std_error_metric(x, target.std),
        "std_error_metric_reweighted": std_error_metric(x, target.std, log_w),
    }


def _reference_figures(x: np.ndarray, target: Target, key: jax.Array | None) -> dict[str, Any]:
    if key is None or target.sample is None:
        return {}
    count = min(len(x), _REFERENCE_POINTS)
    reference = np.asarray(target.sample(key, count))
    return {
        "sinkhorn": sinkhorn_divergence(x[:count], reference, unconverged="nan"),
        "sinkhorn_batch_size": default_batch_size(count),
        "mmd_squared": mmd_squared(x[:count], reference),
    }


def _mode_rows(label: str, estimates: tuple[Estimate, ...]) -> list[tuple[str, str, str]]:
    """Return a row per mode, or for many modes those of the least and the greatest share."""
    if len(estimates) <= _TABLE_MODES:
        return [_row(f"{label} {k}", estimate) for k, estimate in enumerate(estimates)]
    return [_row(f"{label}, least", min(estimates)), _row(f"{label}, greatest", max(estimates))]


def _row(label: str, estimate: Estimate) -> tuple[str, str, str]:
    return label, f"{estimate.value:.5g}", f"{estimate.std_error:.1g}"
