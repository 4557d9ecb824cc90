"""Mode weights of the samples against the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from transjet.errors import TargetError
from transjet.metrics import Estimate, Summary
from transjet.plots import style
from transjet.plots.weighted import with_error
from transjet.targets import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_BARS = 40


def mode_weights_figure(target: Target, summary: Summary) -> Figure:
    """Draw the share of the samples in each mode, as drawn and reweighted, with standard errors.

    Up to 40 modes are drawn as bars, more as lines from the most to the least likely mode.

    Args:
        target: what was sampled; its true mode weights are drawn if they are known.
        summary: figures of the samples.

    Returns:
        The figure.

    Raises:
        TargetError: the summary has no mode weights, as the target lists no modes.
        ConfigError: matplotlib is not installed.
    """
    if summary.mode_weights is None or summary.mode_weights_reweighted is None:
        raise TargetError(
            f"mode weights of {target.name}: expected a target that lists its modes, got one without; "
            "leave this picture out"
        )
    drawn, reweighted = _columns(summary.mode_weights), _columns(summary.mode_weights_reweighted)
    many = len(drawn[0]) > _MOST_BARS
    width = 8.4 if many else float(np.clip(0.3 * len(drawn[0]) + 3, 8.4, 11))
    figure = style.new_figure(width, 4.6, target.name, _subtitle(summary))
    axes = figure.add_subplot()
    (_lines if many else _bars)(axes, drawn, reweighted, target.mode_weights)
    axes.set_ylim(bottom=0)
    label = "modes, from the largest weight to the smallest" if many else "mode"
    style.dress(axes, x=label, y="share of the mass", grid="y")
    style.legend_below(figure, axes)
    return figure


def _columns(estimates: Sequence[Estimate]) -> np.ndarray:
    return np.array(estimates, np.float64).T


def _bars(axes: Axes, drawn: np.ndarray, reweighted: np.ndarray, truth: np.ndarray | None) -> None:
    place = np.arange(drawn.shape[1])
    axes.bar(place, drawn[0], 0.74, color=style.BLUE, alpha=0.45, label="samples as drawn")
    axes.errorbar(
        place - 0.15, drawn[0], drawn[1], fmt="none", ecolor=style.BLUE, elinewidth=1.2, capsize=2,
    )  # fmt: skip
    axes.errorbar(
        place + 0.15, reweighted[0], reweighted[1], fmt="o", color=style.VERMILION, ms=3.5, elinewidth=1.2,
        capsize=2, label="reweighted",
    )  # fmt: skip
    if truth is not None:
        axes.hlines(truth, place - 0.44, place + 0.44, color=style.INK, linewidth=1.5, label="truth")
    axes.set_xlim(-0.7, len(place) - 0.3)
    axes.set_xticks(place[:: 1 if len(place) <= 20 else 5])


def _lines(axes: Axes, drawn: np.ndarray, reweighted: np.ndarray, truth: np.ndarray | None) -> None:
    order = np.lexsort((-drawn[0], -(drawn[0] if truth is None else truth)))
    place = np.arange(len(order))
    for (value, error), color, label in (
        (drawn[:, order], style.BLUE, "samples as drawn"),
        (reweighted[:, order], style.VERMILION, "reweighted"),
    ):
        axes.fill_between(place, np.maximum(value - error, 0), value + error, color=color, alpha=0.25, linewidth=0)
        axes.plot(place, value, color=color, linewidth=1.2, label=label)
    if truth is not None:
        axes.plot(place, truth[order], color=style.INK, linewidth=1.4, label="truth")
    axes.set_xlim(0, len(place) - 1)


def _subtitle(summary: Summary) -> str:
    shares = summary.mode_weights or ()
    missed = sum(share.value == 0 for share in shares)
    worst, coverage = summary.mode_worst_ratio, summary.mode_coverage
    return style.joined(
        [
            f"{len(shares)} modes",
            f"{missed or 'none'} missed",
            f"worst ratio to truth {with_error(worst)}" if worst else "",
            f"entropic coverage {with_error(coverage)}" if coverage else "",
        ]
    )
