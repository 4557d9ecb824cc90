"""Something that goes wrong in a run, with the evidence and what helps."""

from __future__ import annotations

from typing import NamedTuple

REMEDIES = {
    "nonfinite residual": (
        "check the log density and its gradient at the points, draw points from a smaller region, or use float64"
    ),
    "residual explosion": "lower the learning rate, raise the damping or momentum = 0, or set robust = 3",
    "damping runaway": (
        "the linear model does not describe the residual: use float64, more points, a smaller input_scale or "
        "robust = 3, and start with a larger damping"
    ),
    "short steps": "raise the damping, draw more points a step, or use float64",
    "rejected steps": "raise the damping, draw more points a step, or stop here if the loss is at its floor",
    "overfitting": "draw more points, refresh them at every step, raise the damping, or use a smaller network",
    "points miss the flow": (
        "draw a larger share of points along trajectories (collocation = 'mixture', 'trajectories' or 'sde'), or "
        "residual-adaptive ones"
    ),
    "mode collapse": (
        "keep a background of points that does not depend on the flow (background_end above 0), widen the prior, or "
        "add reverse trajectories from samples of the lost modes; the best parameters so far are kept"
    ),
    "weight degeneracy": (
        "train longer, draw points where the flow goes, or sample with a diffusion and resampling; do not trust "
        "log Z and moments before"
    ),
}
"""Name of a finding -> what helps."""


class Finding(NamedTuple):
    """A failure signature that was seen.

    Attributes:
        name: one of `REMEDIES`.
        iteration: when it was seen first.
        evidence: the figures that show it.
        remedy: what helps.
    """

    name: str
    iteration: int
    evidence: str
    remedy: str

    def __str__(self) -> str:
        """One line for the terminal."""
        return f"{self.name} at iteration {self.iteration}: {self.evidence}. What helps: {self.remedy}"
