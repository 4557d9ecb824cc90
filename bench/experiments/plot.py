"""The plot of an experiment: figures against CPU seconds, an arm a colour, a seed a line."""

_LABELS = {"ess": "normalised ESS", "elbo": "ELBO"}


def by_arm(experiment, results):
    """Arm -> its rows, in the order of the arms; an arm without any row is left out."""
    groups = {arm.label: [r for r in results["rows"] if r["arm"] == arm.label] for arm in experiment.arms}
    return {label: rows for label, rows in groups.items() if rows}


def _groups(experiment):
    """Panels' titles and the labels of their arms."""
    if not experiment.by_target:
        return {"": [arm.label for arm in experiment.arms]}
    return {
        target: [arm.label for arm in experiment.arms if arm.target == target]
        for target in dict.fromkeys(arm.target for arm in experiment.arms)
    }


def _lines(axes, groups, labels, title, points, x, y):
    """A line per row; `points(row)` are its dicts."""
    for index, label in enumerate(labels):
        name = label.removesuffix(f", {title}")
        for row in groups.get(label, []):
            found = [p for p in points(row) if p.get(y) is not None]
            if found:
                style = ("-", "--", ":")[index // 10 % 3]
                xs, ys = [p[x] for p in found], [p[y] for p in found]
                axes.plot(xs, ys, style, marker=".", color=f"C{index % 10}", alpha=0.8, label=name)
                name = None  # one entry of the legend per arm
    axes.set_title(title, fontsize=9)


def _panels(experiment):
    """(title, labels, name of the figure, whether it is a profile)."""
    for title, labels in _groups(experiment).items():
        yield from ((title, labels, curve, False) for curve in experiment.curves)
        if experiment.profile:
            yield from ((title, labels, name, True) for name in ("density", "particles"))


def write(experiment, results, path):
    """Save the plot."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    groups, panels = by_arm(experiment, results), list(_panels(experiment))
    figure, grid = plt.subplots(
        1, len(panels), figsize=(1.5 + 4.5 * len(panels), 4), layout="constrained", squeeze=False
    )
    for axes, (title, labels, name, profile) in zip(grid[0], panels, strict=True):
        if profile:
            _lines(axes, groups, labels, title, lambda row: _profile(row, experiment.profile), "t", name)
            axes.set(xlabel="time t of the path", ylabel=f"mass near modes, {name}")
        else:
            _lines(axes, groups, labels, title, lambda row: row.get("curve", []), "cpu_seconds", name)
            axes.set(xlabel="CPU seconds of training", ylabel=_LABELS.get(name, name.replace("_", " ")))
        if name in ("loss", "residual_rms"):
            axes.set_yscale("log")
    shown = {id(axes) for axes, (_, labels, *_) in zip(grid[0], panels, strict=True) if labels != panels[-1][1]}
    for axes in grid[0]:
        if axes is grid[0][-1] or id(axes) in shown:
            axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _profile(row, name):
    columns = row.get(name, {})
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
