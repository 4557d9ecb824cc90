"""The plot of success rates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from transjet.plots.save import save_figure
from transjet.robust.criteria import wilson
from transjet.robust.rows import Rows


def write_plot(path: Path, files: Sequence[Rows]) -> None:
    """Success rates by family and by dimension, with 95 % intervals, a colour for each file.

    Args:
        path: of the picture.
        files: of rows.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
    for axes, key in zip(panels, ("family", "dim"), strict=True):
        names = sorted({row[key] for file in files for row in file.rows})
        for index, file in enumerate(files):
            label = file.label if key == "family" else None
            for place, name in enumerate(names):
                hits = [bool(row["success"]) for row in file.rows if row[key] == name]
                if not hits:
                    continue
                rate, (low, high) = sum(hits) / len(hits), wilson(sum(hits), len(hits))
                x = place + 0.6 * ((index + 0.5) / len(files) - 0.5)
                bars = [[max(0.0, rate - low)], [max(0.0, high - rate)]]
                axes.errorbar([x], [rate], bars, fmt="o", color=f"C{index}", label=label)
                label = None
        axes.set_xticks(range(len(names)), names, rotation=60 if key == "family" else 0, fontsize=8)
        axes.set(xlabel=key.replace("dim", "d"), ylim=(-0.03, 1.03))
    panels[0].set_ylabel("success rate, 95 % interval")
    if files:
        figure.legend(fontsize=8, loc="outside upper center", ncols=3)
    save_figure(figure, path)
