"""From rows to a table (CSV), a plot and a page."""

import csv
import statistics

from experiments import plot

END = "<!-- All above is written by bench/experiment.py; what is below is written by hand, and kept. -->"
_LARGE_IS_WORSE = ("log_z_error", "std_error_metric", "residual_rms", "emergence_density", "emergence_particles")
_MEAN_ALONE = ("cpu_seconds", "iteration", "peak_mib")
_NAMES = {"ess": "ESS", "elbo": "ELBO", "ess_before": "ESS before", "cpu_seconds": "CPU s", "iteration": "steps",
          "log_z_error": "\\|log Z error\\|", "peak_mib": "peak MiB", "residual_rms": "residual RMS"}  # fmt: skip
_COLUMNS = ("arm", "seed", "iteration", "cpu_seconds", "loss", "residual_rms", "ess", "ess_std_error", "log_z",
            "log_z_std_error", "log_z_error", "elbo", "mode_worst_ratio", "mode_coverage", "std_error_metric",
            "failed")  # fmt: skip


def _final(row):
    return row["curve"][-1] | {k: v for k, v in row.items() if isinstance(v, (int, float))}


def _number(value):
    small = value != 0 and abs(value) < 0.01
    return f"{value:.2g}" if small else f"{value:.4g}" if abs(value) < 1 else f"{value:.3g}"


def _cell(name, values):
    """Mean over seeds with its standard error, and the worst seed in brackets; an error counts by its size."""
    if not values:
        return ""
    if name == "log_z_error":
        values = [abs(v) for v in values]
    mean = statistics.mean(values)
    if name in _MEAN_ALONE:
        return f"{mean:.0f}"
    if len(values) == 1:
        return _number(mean)
    error = statistics.stdev(values) / len(values) ** 0.5
    spread = f"{_number(mean)} ± {error:.1g}"
    if name == "kinetic_energy":
        return spread
    return f"{spread} ({_number(max(values) if name in _LARGE_IS_WORSE else min(values))})"


def _cells(experiment, rows):
    finals = [_final(row) for row in rows if "error" not in row]
    for column in experiment.columns:
        if column in experiment.pooled:
            value = experiment.pooled[column](rows)
            yield "" if value is None else _number(value)
        else:
            yield _cell(column, [f[column] for f in finals if f.get(column) is not None])


def table(experiment, results):
    """Markdown: an arm a row; an arm without any row is left out."""
    head = ["", *(_NAMES.get(c, c.replace("_", " ")) for c in experiment.columns), "seeds", "failed"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for label, rows in plot.by_arm(experiment, results).items():
        failed = sum("error" in row or "stopped" in row for row in rows)
        lines.append("| " + " | ".join([label, *_cells(experiment, rows), str(len(rows)), str(failed)]) + " |")
    return "\n".join(lines)


def _failures(results):
    """A line per row that failed, with its reason."""
    for row in results["rows"]:
        reason = row.get("error") or row.get("stopped")
        if reason:
            steps = f" after {row['curve'][-1]['iteration']} steps" if row.get("curve") else ""
            yield f"* {row['arm']}, seed {row['seed']}: failed{steps}: {' '.join(reason.split())}"


def _write_csv(results, path):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS, extrasaction="ignore", restval="")
        writer.writeheader()
        for row in results["rows"]:
            names = {"arm": row["arm"], "seed": row["seed"]}
            for point in row.get("curve") or [{"failed": row.get("error", "")}]:
                writer.writerow(names | point)


def _budgets(experiment):
    found = sorted({arm.seconds for arm in experiment.arms if arm.seconds})
    if not found:
        return "Rows take the steps of their plan."
    which = f"{found[0]:g}" if len(found) == 1 else f"{', '.join(f'{s:g}' for s in found[:-1])} or {found[-1]:g}"
    return (
        f"The budget of a row is {which} CPU seconds, compilation included and judging excluded; schedules are "
        "stretched to end with it."
    )


def _machine(results):
    return ", ".join(
        f"{name} {results['machine'][name]}" if name != "processor" else results["machine"][name]
        for name in ("processor", "instruction set", "jax", "jaxlib", "numpy")
    )


def text(experiment, results):
    """The page down to the mark."""
    seeds = sorted({row["seed"] for row in results["rows"]})
    failures = list(_failures(results))
    parts = [
        f"# {experiment.question}",
        experiment.about,
        f"    python bench/experiment.py {experiment.name} --seeds {' '.join(map(str, seeds))}",
        f"One core a row, of: {_machine(results)}. {_budgets(experiment)} "
        f"The last state is judged by {experiment.judged:,} samples. "
        "Cells are the mean over seeds ± its standard error, and the worst seed in brackets.",
        table(experiment, results),
        *(["Rows that failed, or stopped before their end:\n\n" + "\n".join(failures)] if failures else []),
        f"![{experiment.question}]({experiment.name}.png)",
        f"All figures: [JSON](../../bench/results/experiments/{experiment.name}.json), "
        f"[CSV](../../bench/results/experiments/{experiment.name}.csv).",
        END,
    ]
    return "\n\n".join(parts)


def write(experiment, results, csv_path, docs):
    """The CSV, the plot and the page, whose part below the mark is kept."""
    docs.mkdir(parents=True, exist_ok=True)
    _write_csv(results, csv_path)
    plot.write(experiment, results, docs / f"{experiment.name}.png")
    path = docs / f"{experiment.name}.md"
    by_hand = path.read_text(encoding="utf-8").split(END, 1)[-1] if path.exists() else "\n"
    path.write_text(text(experiment, results) + by_hand, encoding="utf-8")
    if not by_hand.strip():
        print(f"{path.name}: nothing is written by hand below the table yet: what should a user do?")
