"""How the training went: loss, quality and steps over iterations and over wall time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from transjet.errors import ConfigError
from transjet.io.history import HISTORY_COLUMNS
from transjet.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

History = Mapping[str, np.ndarray]
_SMOOTH_FROM = 400  # rows from which a running median is drawn over the raw figures
_LOG_Z_REACH = 4.0  # the log Z axis shows so many times the scatter of the second half of the training


class _Row(NamedTuple):
    columns: dict[str, str]  # label by column
    draw: Callable[[Axes, np.ndarray, History], None]


def training_figure(history: History, *, name: str, log_z: float | None = None) -> Figure:
    """Draw loss and residual, ESS, log Z and steps, each over iterations (left) and wall time (right).

    A row of panels whose figures are all NaN is left out.

    Args:
        history: the columns (rows,) of a history, see `transjet.io.HISTORY_COLUMNS`; seconds since the start.
        name: of the target, for the title.
        log_z: the true log Z, drawn as a line.

    Returns:
        The figure.

    Raises:
        ConfigError: a column is missing, nothing finite is in the history, or matplotlib is not installed.
    """
    rows = _rows_with_data(history, log_z)
    scale, unit = _time_unit(float(np.nanmax(history["seconds"], initial=0.0)))
    times = ((history["iteration"], "iteration"), (history["seconds"] / scale, f"wall time [{unit}]"))
    figure = style.new_figure(10.4, 2.3 * len(rows) + 1.2, name, _subtitle(history))
    panels = figure.subplots(len(rows), 2, squeeze=False, sharex="col", sharey="row")
    for row, pair in zip(rows, panels, strict=True):
        for axes, (time, label) in zip(pair, times, strict=True):
            row.draw(axes, time, history)
            style.dress(axes, x=label if row is rows[-1] else "", grid="both")
        pair[0].set_ylabel(_label(row, history))
        style.legend_above(pair[1])
    figure.align_ylabels()
    return figure


def _rows_with_data(history: History, log_z: float | None) -> list[_Row]:
    missing = [name for name in HISTORY_COLUMNS if name not in history]
    rows = (
        _Row({"loss": "loss", "residual_rms": "residual RMS"}, _draw_loss),
        _Row({"ess": "ESS / n"}, _draw_ess),
        _Row({"log_z": "log Z"}, partial(_draw_log_z, truth=log_z)),
        _Row({"step_size": "step size", "damping": "damping"}, _draw_steps),
    )
    found = [] if missing else [r for r in rows if any(np.isfinite(history[c]).any() for c in r.columns)]
    if not found:
        raise ConfigError(
            f"training picture: expected figures in the columns {', '.join(HISTORY_COLUMNS)}, got "
            f"{'none named ' + ', '.join(missing) if missing else 'nothing finite'}; train first"
        )
    return found


def _subtitle(history: History) -> str:
    count = int(np.nanmax(history["iteration"], initial=0.0))
    rejected = int(np.sum(history["accepted"] == 0))
    seconds = float(np.nanmax(history["seconds"], initial=0.0))
    scale, unit = _time_unit(seconds)
    steps = f"{rejected:,} steps rejected" if rejected else ""
    return style.joined([f"training up to iteration {count:,}", f"{seconds / scale:.3g} {unit}", steps])


def _label(row: _Row, history: History) -> str:
    return ", ".join(label for name, label in row.columns.items() if np.isfinite(history[name]).any())


def _draw_loss(axes: Axes, time: np.ndarray, history: History) -> None:
    _trace(axes, time, history["loss"], style.BLUE, "loss")
    _trace(axes, time, history["residual_rms"], style.VERMILION, "residual RMS")


def _draw_ess(axes: Axes, time: np.ndarray, history: History) -> None:
    known = np.isfinite(history["ess"])
    axes.plot(time[known], history["ess"][known], "o-", color=style.BLUE, ms=3, lw=1.2, label="ESS / n")
    axes.axhline(1.0, color=style.INK, linewidth=1.0, linestyle="--", label="perfect")
    axes.set_ylim(0, 1.06)


def _draw_log_z(axes: Axes, time: np.ndarray, history: History, truth: float | None) -> None:
    known = np.isfinite(history["log_z"])
    value, error = history["log_z"][known], np.nan_to_num(history["log_z_std_error"][known], posinf=0.0)
    axes.errorbar(
        time[known], value, error, fmt="o-", color=style.BLUE, ms=3, lw=1.2, elinewidth=1.0, capsize=2,
        label="estimate, standard error",
    )  # fmt: skip
    if truth is not None:
        axes.axhline(truth, color=style.INK, linewidth=1.0, linestyle="--", label=f"truth {truth:.5g}")
    _focus(axes, value, error, truth)


def _focus(axes: Axes, value: np.ndarray, error: np.ndarray, truth: float | None) -> None:
    """Set an axis that shows how log Z settles, though the first estimates may be far away."""
    late = slice(len(value) // 2, None)
    centre = float(np.median(value[late])) if truth is None else truth
    reach = _LOG_Z_REACH * float(np.max(np.abs(value - centre)[late] + error[late]))
    off = int(np.sum(np.abs(value - centre) > reach))
    if off and reach > 0:
        axes.set_ylim(centre - reach, centre + reach)
        style.remark(axes, f"{off} early estimates off the scale")


def _draw_steps(axes: Axes, time: np.ndarray, history: History) -> None:
    _trace(axes, time, history["step_size"], style.BLUE, "step size")
    _trace(axes, time, history["damping"], style.VERMILION, "damping")
    rejected = time[history["accepted"] == 0]
    if len(rejected):
        axes.plot(
            rejected, np.full(len(rejected), 0.03), "|", color=style.INK, ms=8, mew=0.9,
            label="step rejected", transform=axes.get_xaxis_transform(),
        )  # fmt: skip


def _trace(axes: Axes, time: np.ndarray, values: np.ndarray, color: str, label: str) -> None:
    known = np.isfinite(values) & (values > 0)
    if not known.any():
        return
    time, values = time[known], values[known]
    axes.set_yscale("log")
    if len(values) < _SMOOTH_FROM:
        axes.plot(time, values, color=color, lw=1.3, label=label)
        return
    axes.plot(time, values, color=color, lw=0.5, alpha=0.3)
    axes.plot(time, _running_median(values, len(values) // 60), color=color, lw=1.5, label=f"{label} (median)")


def _running_median(values: np.ndarray, half: int) -> np.ndarray:
    padded = np.pad(values, half, mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)


def _time_unit(seconds: float) -> tuple[float, str]:
    if seconds < 180:
        return 1.0, "s"
    return (60.0, "min") if seconds < 10800 else (3600.0, "h")
