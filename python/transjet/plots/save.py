"""Writes the pictures of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from transjet.io.atomic import write_atomic
from transjet.metrics import Summary
from transjet.plots.density import density_figure
from transjet.plots.history import training_figure
from transjet.plots.marginals import marginals_figure
from transjet.plots.modes import mode_weights_figure
from transjet.targets import Target

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure as PNG, atomically.

    Args:
        figure: what to write.
        path: the file; missing folders are made.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
    """
    return write_atomic(path, lambda handle: figure.savefig(handle, format="png"))


def save_all(
    folder: str | Path,
    *,
    target: Target,
    x: Any,
    log_w: Any,
    history: Mapping[str, np.ndarray],
    summary: Summary,
) -> list[Path]:
    """Write the pictures of a run that its data allow.

    Args:
        folder: where they go.
        target: what was sampled.
        x: (n, dim) points.
        log_w: (n,) log importance weights.
        history: columns of the training history; without rows its picture is left out.
        summary: figures of the samples.

    Returns:
        The paths: `density.png` (up to two dimensions) or `marginals.png`, `training.png`, and `modes.png`
        where the target lists its modes.

    Raises:
        ShapeError: the samples do not fit.
        ConfigError: matplotlib is not installed, or the history lacks a column.
        OutputError: a file cannot be written.
    """
    flat = target.dim <= 2
    draw = density_figure if flat else marginals_figure
    figures = {"density.png" if flat else "marginals.png": draw(target, x, log_w, summary)}
    if len(history.get("iteration", ())):
        figures["training.png"] = training_figure(history, name=target.name, log_z=target.log_z)
    if summary.mode_weights is not None:
        figures["modes.png"] = mode_weights_figure(target, summary)
    return [save_figure(figure, Path(folder) / name) for name, figure in figures.items()]
