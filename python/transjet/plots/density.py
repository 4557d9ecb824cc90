"""The target's density beside the samples, in one or two dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from transjet.errors import ShapeError
from transjet.metrics import Summary
from transjet.plots import style
from transjet.plots.marginals import draw_histogram
from transjet.plots.weighted import Weighted, headline, limits, outside, resample, weighted
from transjet.targets import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDE = 280  # grid points per side of the heat map
_SHARES = (0.99, 0.9, 0.5)  # probability inside each contour line
_MOST_POINTS = 5000  # more dots than this hide each other
_BATCH = 8192  # points evaluated at once, which bounds the workspace of a costly log density


def density_figure(target: Target, x: Any, log_w: Any, summary: Summary) -> Figure:
    """Draw the density of a target of one or two dimensions and the weighted samples.

    Args:
        target: what was sampled.
        x: (n, dim) points.
        log_w: (n,) log importance weights.
        summary: figures of these samples, for the headings.

    Returns:
        The figure.

    Raises:
        ShapeError: the target has more than two dimensions, or the samples do not fit.
        ConfigError: matplotlib is not installed.
    """
    if target.dim > 2:
        raise ShapeError(
            f"density picture: expected a target of 1 or 2 dimensions, got {target.dim}; use marginals_figure"
        )
    samples = weighted(target, x, log_w)
    return (_curve if target.dim == 1 else _plane)(target, samples, summary)


def _curve(target: Target, samples: Weighted, summary: Summary) -> Figure:
    ends = _ranges(target, samples)[0]
    grid = np.linspace(*ends, 1201)
    density = _normalised(target, grid[:, None], grid[1] - grid[0])
    figure = style.new_figure(8.4, 4.6, target.name, headline(target, summary))
    axes = figure.add_subplot()
    draw_histogram(axes, samples, 0, np.linspace(*ends, 61))
    axes.plot(grid, density, color=style.INK, linewidth=1.6, label="target density")
    axes.set_ylim(bottom=0)
    style.remark(axes, outside(samples, [ends]))
    style.dress(axes, x=style.coordinate(0), y="probability density", grid="y")
    style.legend_below(figure, axes)
    return figure


def _plane(target: Target, samples: Weighted, summary: Summary) -> Figure:
    ranges = _ranges(target, samples)
    sides = [np.linspace(*ends, _SIDE) for ends in ranges]
    points = np.stack(np.meshgrid(*sides), axis=-1)
    cell = float(np.prod([side[1] - side[0] for side in sides]))
    density = _normalised(target, points.reshape(-1, 2), cell).reshape(_SIDE, _SIDE)
    figure = style.new_figure(10.4, 5.6, target.name, headline(target, summary))
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    _heat(figure, left, sides, density)
    _dots(right, samples)
    for axes in (left, right):
        _contours(axes, sides, density)
        axes.set(xlim=ranges[0], ylim=ranges[1], aspect="equal")
    shares = ", ".join(f"{100 * share:g}" for share in _SHARES[::-1])
    style.dress(left, title="target density", x=style.coordinate(0), y=style.coordinate(1))
    style.dress(right, title="samples, resampled by importance weight", x=style.coordinate(0))
    style.remark(right, outside(samples, ranges))
    figure.supxlabel(f"lines enclose {shares} % of the target's mass", fontsize=8.5, color=style.GREY)
    return figure


def _heat(figure: Figure, axes: Axes, sides: list[np.ndarray], density: np.ndarray) -> None:
    from matplotlib.colors import PowerNorm

    # A square root brings out the flanks, where a linear scale shows the peaks alone.
    norm = PowerNorm(0.5, 0, float(np.nanmax(density)))
    ends = (sides[0][0], sides[0][-1], sides[1][0], sides[1][-1])
    mesh = axes.imshow(density, cmap=style.HEAT, norm=norm, origin="lower", extent=ends, interpolation="bilinear")
    bar = figure.colorbar(mesh, ax=axes, shrink=0.8, pad=0.02, aspect=30)
    bar.set_label("probability density", fontsize=9, color=style.INK)
    bar.ax.tick_params(labelsize=8, colors=style.INK, length=2)
    bar.outline.set_visible(False)


def _dots(axes: Axes, samples: Weighted) -> None:
    dots = resample(samples, min(len(samples.weights), _MOST_POINTS))
    axes.scatter(dots[:, 0], dots[:, 1], s=4, color=style.BLUE, alpha=0.4, linewidths=0, rasterized=True)


def _contours(axes: Axes, sides: list[np.ndarray], density: np.ndarray) -> None:
    known = np.nan_to_num(density, nan=0.0)  # no line through a region where the density is not a number
    falling = np.sort(known, axis=None)[::-1]
    mass = np.cumsum(falling)
    levels = [falling[np.searchsorted(mass, share * mass[-1])] for share in _SHARES]
    if np.all(np.diff(levels) > 0) and levels[0] > 0:
        axes.contour(*sides, known, levels=levels, colors=style.INK, linewidths=[0.45, 0.6, 0.8], alpha=0.7)


def _ranges(target: Target, samples: Weighted) -> list[tuple[float, float]]:
    if target.box is not None:
        return [(float(low), float(high)) for low, high in zip(*target.box, strict=True)]
    return [limits(samples, index) for index in range(target.dim)]


def _normalised(target: Target, points: np.ndarray, cell: float) -> np.ndarray:
    rows = jnp.asarray(points, jnp.float32)
    log_rho = np.asarray(jax.lax.map(target.log_density, rows, batch_size=_BATCH), np.float64)
    if target.log_z is not None:
        return np.exp(log_rho - target.log_z)
    rho = np.exp(log_rho - np.nanmax(log_rho))
    return rho / (np.nansum(rho) * cell)
