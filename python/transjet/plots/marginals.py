"""Histograms of single coordinates against the exact marginals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from transjet.metrics import Summary
from transjet.plots import style
from transjet.plots.weighted import Weighted, headline, histogram, limits, outside, weighted
from transjet.targets import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_PANELS = 6
_BINS = 50
_EXACT_SAMPLES = 100_000
_EXACT_NUMBERS = 20_000_000  # bound on samples times dimensions, 80 MB in float32


def marginals_figure(target: Target, x: Any, log_w: Any, summary: Summary) -> Figure:
    """Draw the marginals of the first coordinates, at most six.

    Args:
        target: what was sampled; if it has an exact sampler, its marginals are drawn too.
        x: (n, dim) points.
        log_w: (n,) log importance weights.
        summary: figures of these samples, for the heading.

    Returns:
        The figure.

    Raises:
        ShapeError: the samples do not fit.
        ConfigError: matplotlib is not installed.
    """
    samples = weighted(target, x, log_w)
    panels = min(target.dim, _MOST_PANELS)
    columns = min(panels, 3)
    rows = -(-panels // columns)
    figure = style.new_figure(
        max(3.6 * columns, 8.4), 2.6 * rows + 1.3, target.name, _subtitle(target, summary, panels)
    )
    exact = _exact_samples(target)
    for index, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        if index >= panels:
            axes.set_axis_off()
            continue
        ends = limits(samples, index)
        edges = np.linspace(*ends, _BINS + 1)
        draw_histogram(axes, samples, index, edges)
        if exact is not None:
            _draw_exact(axes, exact[:, index], edges)
        axes.set_ylim(bottom=0)
        style.remark(axes, outside(samples, [ends], index))
        style.dress(axes, x=style.coordinate(index), y="density" if index % columns == 0 else "", grid="y")
    style.legend_below(figure, figure.axes[0])
    return figure


def draw_histogram(axes: Axes, samples: Weighted, index: int, edges: np.ndarray) -> None:
    """Draw the weighted histogram of coordinate `index` as a density, with the standard error of each bin."""
    height, error = histogram(samples.x[:, index], samples.weights, edges)
    middles = (edges[1:] + edges[:-1]) / 2
    axes.bar(middles, height, np.diff(edges), color=style.BLUE, alpha=0.45, label="weighted samples")
    some = height > 0
    axes.errorbar(
        middles[some],
        height[some],
        error[some],
        fmt="none",
        ecolor=style.BLUE,
        elinewidth=0.9,
        label="standard error",
    )
    axes.set_xlim(edges[0], edges[-1])


def _draw_exact(axes: Axes, values: np.ndarray, edges: np.ndarray) -> None:
    truth = histogram(values, np.full(len(values), 1 / len(values)), edges)[0]
    axes.stairs(truth, edges, color=style.INK, linewidth=1.3, label="exact marginal")


def _exact_samples(target: Target) -> np.ndarray | None:
    if target.sample is None:
        return None
    count = max(min(_EXACT_SAMPLES, _EXACT_NUMBERS // target.dim), 1000)
    return np.asarray(target.sample(jax.random.key(0), count))


def _subtitle(target: Target, summary: Summary, panels: int) -> str:
    part = f"coordinates 0 to {panels - 1} of {target.dim}" if panels < target.dim else ""
    return style.joined([headline(target, summary), part])
