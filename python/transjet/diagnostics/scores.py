"""Signatures in the scores of a run: overfitting, points beside the flow, lost modes, degenerate weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

Scores = Mapping[str, float]
"""Figures on fresh samples and points, by name; "iteration" is among them."""

_OVERFIT = 3.0  # held-out residual over that of the training points
_SOLVED = 0.3  # along a flow it costs at most 8 % of the ESS, as Var int R dt <= mean R^2
_MISSED = 5.0  # residual along the flow over the held-out one
_FALL = 0.2  # of log Z, at least, and four standard errors
_COVERAGE = 0.85  # of the best coverage so far
_PARETO = 0.7  # above it, importance weights have no usable variance
_ESS = 0.02


def _ratio(scores: Scores, above: str, below: str) -> float:
    a, b = scores.get(above, math.nan), scores.get(below, math.nan)
    return a / b if math.isfinite(a) and b > 0 else math.nan


def _twice(history: Sequence[Scores], seen: Callable[[Scores], bool]) -> bool:
    """Whether something holds at the last two scores: one may be chance."""
    return len(history) >= 2 and all(map(seen, history[-2:]))


def overfitting(history: Sequence[Scores], progress: float) -> str:
    """Evidence of points that are solved where points beside them are not."""

    def seen(s: Scores) -> bool:
        unsolved = s.get("residual_held_out", math.nan) > _SOLVED
        return unsolved and _ratio(s, "residual_held_out", "residual_train") > _OVERFIT

    if not _twice(history, seen):
        return ""
    s = history[-1]
    return (
        f"the residual is {s['residual_train']:.3g} at the last step's points and {s['residual_held_out']:.3g} at "
        "fresh ones of the same distribution"
    )


def points_miss_the_flow(history: Sequence[Scores], progress: float) -> str:
    """Evidence of a flow that goes where there are no points."""
    if not _twice(history, lambda s: _ratio(s, "residual_on_flow", "residual_held_out") > _MISSED):
        return ""
    s = history[-1]
    return (
        f"the residual is {s['residual_held_out']:.3g} at fresh collocation points and {s['residual_on_flow']:.3g} "
        "along the flow's own trajectories"
    )


def mode_collapse(history: Sequence[Scores], progress: float) -> str:
    """Evidence of modes that the flow once reached and no longer does.

    The effective sample size does not tell: the remaining modes can be sampled well. The entropic coverage falls where
    modes are known, and log Z falls short by the lost mass where they are not.
    """
    return _coverage_falls(history) or _log_z_falls(history)


def _coverage_falls(history: Sequence[Scores]) -> str:
    seen = [s["coverage"] for s in history if math.isfinite(s.get("coverage", math.nan))]
    if len(seen) < 3 or max(seen[-2:]) >= _COVERAGE * max(seen):
        return ""
    return f"the entropic coverage of the modes fell from {max(seen):.3g} to {seen[-1]:.3g}"


def _log_z_falls(history: Sequence[Scores]) -> str:
    good = [s for s in history if s.get("ess", 0.0) > 0.1 and math.isfinite(s.get("log_z", math.nan))]
    if len(good) < 3:
        return ""
    best = max(good, key=lambda s: s["log_z"] - 2 * s.get("log_z_std_error", 0.0))

    def short(s: Scores) -> bool:
        error = math.hypot(best.get("log_z_std_error", 0.0), s.get("log_z_std_error", 0.0))
        return s["iteration"] > best["iteration"] and best["log_z"] - s["log_z"] > max(_FALL, 4 * error)

    if not all(map(short, good[-2:])):
        return ""
    return f"log Z fell from {best['log_z']:.3f} to {good[-1]['log_z']:.3f} at an ESS of {good[-1]['ess']:.2g}"


def weight_degeneracy(history: Sequence[Scores], progress: float) -> str:
    """Evidence of a few weights that decide everything; before half of the plan that is to be expected."""
    s = history[-1]
    k, ess = s.get("pareto_k", math.nan), s.get("ess", math.nan)
    if progress < 0.5 or not (k > _PARETO or ess < _ESS):
        return ""
    return f"ESS {ess:.2g}, Pareto k {k:.2f} (weights are usable up to {_PARETO})"


SIGNATURES = {
    "overfitting": overfitting,
    "points miss the flow": points_miss_the_flow,
    "mode collapse": mode_collapse,
    "weight degeneracy": weight_degeneracy,
}
