"""From rows to a table (CSV), a plot and the table of a page."""

import csv
import statistics

BEGIN, END = "<!-- table: written by bench/experiment.py -->", "<!-- end of table -->"
_SIGNED = {"log_z_error"}


def _final(row):
    return row["curve"][-1] | {k: v for k, v in row.items() if isinstance(v, (int, float))}


def _by_arm(experiment, results):
    """Arm -> final figures of its rows; an arm without any row is left out."""
    groups = {arm.label: [r for r in results["rows"] if r["arm"] == arm.label] for arm in experiment.arms}
    return {label: rows for label, rows in groups.items() if rows}


def _number(value):
    return "" if value is None else f"{value:.3g}" if abs(value) < 1e-3 or abs(value) >= 100 else f"{value:.3f}"


def _cell(name, values):
    """Mean and worst over seeds; "worst" is the largest error, else the smallest figure."""
    if not values:
        return ""
    if name in _SIGNED:
        sizes = [abs(v) for v in values]
        return f"{_number(statistics.mean(sizes))} ({_number(max(sizes))})"
    if name in ("seconds", "iteration", "peak_mib"):
        return f"{statistics.mean(values):.0f}"
    error = name in ("std_error_metric",)
    worst = max(values) if error else min(values)
    return f"{_number(statistics.mean(values))} ({_number(worst)})"


def table(experiment, results):
    """Markdown: an arm a row, figures as mean (worst) over seeds."""
    head = ["", *(c.replace("_", " ") for c in experiment.columns), "seeds", "failed"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for label, rows in _by_arm(experiment, results).items():
        finals = [_final(r) for r in rows if "error" not in r]
        cells = [_cell(c, [f[c] for f in finals if f.get(c) is not None]) for c in experiment.columns]
        failed = sum("error" in r or "stopped" in r for r in rows)
        lines.append("| " + " | ".join([label, *cells, str(len(rows)), str(failed)]) + " |")
    return "\n".join(lines)


def _write_csv(experiment, results, path):
    names = ["arm", "seed", "iteration", "seconds", "loss", "residual_rms", "ess", "log_z", "log_z_error", "elbo",
             "mode_worst_ratio", "mode_coverage", "std_error_metric"]  # fmt: skip
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", restval="")
        writer.writeheader()
        for row in results["rows"]:
            for point in row.get("curve", []):
                writer.writerow({"arm": row["arm"], "seed": row["seed"]} | point)


def _plot(experiment, results, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for index, (label, rows) in enumerate(_by_arm(experiment, results).items()):
        color, named = f"C{index % 10}", False
        for row in rows:
            points = [p for p in row.get("curve", []) if p.get(experiment.curve) is not None]
            if points:
                xs, ys = [p[experiment.axis] for p in points], [p[experiment.curve] for p in points]
                style = "-" if index < 10 else "--"
                axes.plot(xs, ys, style, marker=".", color=color, alpha=0.8, label=None if named else label)
                named = True
    axes.set_xlabel("seconds of training" if experiment.axis == "seconds" else experiment.axis)
    axes.set_ylabel({"ess": "normalised ESS"}.get(experiment.curve, experiment.curve.replace("_", " ")))
    if experiment.curve in ("loss", "residual_rms"):
        axes.set_yscale("log")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=130)
    plt.close(figure)


def write(experiment, results, csv_path, docs):
    """The CSV, the plot, and the table between the marks of the page; a new page gets a heading alone."""
    docs.mkdir(parents=True, exist_ok=True)
    _write_csv(experiment, results, csv_path)
    _plot(experiment, results, docs / f"{experiment.name}.png")
    path = docs / f"{experiment.name}.md"
    old = path.read_text() if path.exists() else f"# {experiment.question}\n\n{BEGIN}\n{END}\n"
    seeds = sorted({r["seed"] for r in results["rows"]})
    block = "\n".join(
        [
            BEGIN,
            f"`python bench/experiment.py {experiment.name}` on {results['machine']['processor']}; figures are the "
            f"mean over seeds {', '.join(map(str, seeds))}, in brackets the worst.",
            "",
            table(experiment, results),
            "",
            f"![{experiment.question}]({experiment.name}.png)",
            END,
        ]
    )
    head, rest = old.split(BEGIN, 1)
    path.write_text(head + block + rest.split(END, 1)[1])
