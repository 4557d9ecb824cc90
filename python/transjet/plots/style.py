"""One look for all pictures, set on each figure alone: no pyplot and no global settings."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from transjet.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette: its colours stay apart under every common colour blindness and in grey.
BLUE = "#0072B2"
VERMILION = "#D55E00"
INK = "#222222"
GREY = "#8A8A8A"
PALE = "#E4E4E4"
HEAT = "Blues"
DPI = 150

_PAD = 0.08  # inches around each panel
_CHARACTERS_PER_INCH = 9  # of the bold heading
_TITLE, _LABEL, _TICK = 10.5, 9.5, 8.5


def new_figure(width: float, height: float, title: str, subtitle: str) -> Figure:
    """Return an empty figure with its own Agg canvas.

    Args:
        width: in inches.
        height: in inches.
        title: heading of the whole figure.
        subtitle: line under it, in plain weight.

    Returns:
        The figure, which lays its panels out by itself.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise ConfigError(
            "pictures: expected matplotlib, got none; install it with pip install 'transjet[all]', "
            "or leave the pictures out"
        )
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=_PAD, wspace=0.02, hspace=0.04)
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    lines = textwrap.wrap(title, int(_CHARACTERS_PER_INCH * width))
    # The layout makes room for the heading alone: an empty last line keeps the subtitle's place.
    heading, size = "\n".join([*lines, " "]), _TITLE + 1.5
    figure.suptitle(heading, parse_math=False, fontsize=size, fontweight="bold", color=INK)
    below = _PAD + 1.25 * len(lines) * size / 72  # inches from the top, at 72 points per inch
    figure.text(0.5, 1 - below / height, subtitle, ha="center", va="top", fontsize=_TITLE, color=INK)
    return figure


def dress(axes: Axes, *, title: str = "", x: str = "", y: str = "", grid: str = "") -> None:
    """Set title, labels, ticks, frame and grid lines of a panel.

    Args:
        axes: the panel.
        title: heading, set at its left.
        x: label of the horizontal axis.
        y: label of the vertical axis.
        grid: "x", "y" or "both" for pale lines at the ticks.
    """
    axes.set_title(title, fontsize=_TITLE, color=INK, loc="left")
    axes.set_xlabel(x, fontsize=_LABEL, color=INK)
    axes.set_ylabel(y, fontsize=_LABEL, color=INK)
    axes.tick_params(labelsize=_TICK, colors=INK, length=3, width=0.6)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GREY)
        spine.set_linewidth(0.8)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color=PALE, linewidth=0.7)  # type: ignore[arg-type]


def legend_below(figure: Figure, axes: Axes) -> None:
    """Explain a panel's marks in one line under the whole figure."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels), fontsize=_TICK,
        frameon=False, labelcolor=INK,
    )  # fmt: skip


def legend_above(axes: Axes) -> None:
    """Explain a panel's marks in one line over it, where they hide nothing."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles, labels, loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=max(len(labels), 1),
        fontsize=_TICK, frameon=False, labelcolor=INK, borderaxespad=0.0,
    )  # fmt: skip


def remark(axes: Axes, text: str) -> None:
    """Write small grey text into the upper left corner of a panel."""
    axes.annotate(
        text, (0, 1), (4, -3), xycoords="axes fraction", textcoords="offset points", ha="left", va="top",
        fontsize=_TICK - 1, color=GREY,
    )  # fmt: skip


def coordinate(index: int) -> str:
    """Return the label of a coordinate, counted from 0 as in the arrays."""
    return f"$x_{{{index}}}$"


def joined(parts: Sequence[str]) -> str:
    """Return the parts that are not empty, with a dot between."""
    return "  ·  ".join(part for part in parts if part)
