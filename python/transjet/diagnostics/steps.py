"""Signatures in the records of single steps: non-finite residuals, explosion, and Gauss-Newton that goes nowhere."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from transjet.train import Record

WINDOW = 20  # steps that a judgement is made of
_EXPLODED = 30.0  # times the least median residual so far
_RUNAWAY = 100.0  # times the first damping
_SHORT = 0.03  # a step size of this or less
_MOST = 0.75  # of the window


def nonfinite_residual(records: Sequence[Record]) -> str:
    """Evidence of a residual that is not finite at some points, or nothing."""
    if math.isfinite(records[-1].residual_rms):
        return ""
    lost = sum(not math.isfinite(r.residual_rms) for r in records[-WINDOW:])
    return f"the residual was not finite at some points in {lost} of the last {len(records[-WINDOW:])} steps"


def residual_explosion(records: Sequence[Record]) -> str:
    """Evidence of residuals far above what they have been; one bad batch is none."""
    sizes = [r.residual_rms for r in records if math.isfinite(r.residual_rms)]
    half = WINDOW // 2
    if len(sizes) < WINDOW:
        return ""
    before = min(statistics.median_low(sizes[i : i + half]) for i in range(len(sizes) - 2 * half + 1))
    now = statistics.median_low(sizes[-half:])
    if now <= _EXPLODED * before:
        return ""
    return f"the median residual of {half} steps rose from {before:.3g} to {now:.3g}"


def damping_runaway(records: Sequence[Record]) -> str:
    """Evidence of a damping that only ever rises."""
    first, now = records[0].damping, records[-1].damping
    if not (first > 0 and now > _RUNAWAY * first and now >= records[-min(WINDOW, len(records))].damping):
        return ""
    return f"the damping rose from {first:.3g} to {now:.3g}"


def short_steps(records: Sequence[Record]) -> str:
    """Evidence of Gauss-Newton steps that are taken, but hardly go anywhere."""
    last = records[-WINDOW:]
    short = sum(bool(r.accepted) and r.damping > 0 and r.step_size <= _SHORT for r in last)
    if len(last) < WINDOW or short < _MOST * WINDOW:
        return ""
    return f"{short} of the last {WINDOW} step sizes were {_SHORT} or less"


def rejected_steps(records: Sequence[Record]) -> str:
    """Evidence of steps that were refused although their residuals were finite."""
    last = records[-WINDOW:]
    refused = sum(not r.accepted and math.isfinite(r.residual_rms) for r in last)
    if len(last) < WINDOW or refused < WINDOW // 2:
        return ""
    return f"{refused} of the last {WINDOW} steps lowered the loss at no step size"


SIGNATURES = {
    "nonfinite residual": nonfinite_residual,
    "residual explosion": residual_explosion,
    "damping runaway": damping_runaway,
    "short steps": short_steps,
    "rejected steps": rejected_steps,
}
