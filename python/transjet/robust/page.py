"""From rows to tables, a CSV and a page whose text below a mark is kept."""

from __future__ import annotations

import csv
import io
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from transjet.io import write_atomic
from transjet.robust.criteria import CRITERIA, wilson
from transjet.robust.plot import write_plot
from transjet.robust.rows import Rows
from transjet.robust.side_by_side import side_by_side

END = "<!-- All above is written by transjet bench robust; what is below is written by hand, and kept. -->"
_COLUMNS = ("label", "family", "dim", "seed", "success", *CRITERIA, "verdict", "log_z_error", "log_z_std_error",
            "ess_value", "modes_count", "modes_missed", "mode_worst_ratio", "moments_worst", "moments_std_error",
            "evaluations", "iterations", "seconds", "seconds_training", "peak_mib", "error")  # fmt: skip
_RULES = """A row succeeds when all criteria that apply are met:

* *log Z*: an error of at most 0.1;
* *ESS*: the normalised effective sample size of the weights is at least 0.5;
* *modes*: the weighted share of every mode of at least 2 % of the mass is right within 20 % of it and two counting
  errors, those of the effective number of samples, sqrt(w (1 - w) / n ESS). A counting error above a quarter of the
  weight says too little, and fails;
* *moments*: means, and standard deviations where they are known, are right within four standard errors, which are those
  of the samples themselves; one above a quarter of the standard deviation says too little, and fails. The criterion
  does not apply where fewer than 90 % of 20 sets of as many exact samples meet it: tails are too heavy for it then.

Rows that failed count as no success. Intervals are Wilson's, of 95 %.
For `smc`, log Z is its own estimate, and the ESS that of its last weights before they were resampled, 0.8 by
construction unless it ran short of evaluations: it says little. Its particles are correlated, and moments and modes are
judged by effective numbers, from families of common ancestors.
`nuts` has neither log Z nor weights and is judged by modes and moments alone, with effective numbers of samples for
correlated chains."""


def write_csv(path: Path, files: Sequence[Rows]) -> None:
    """Write the rows of all files as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", restval="", lineterminator="\n")
    writer.writeheader()
    for file in files:
        for row in file.rows:
            named = {"label": file.label, "ess_value": row.get("ess"), "modes_count": row.get("modes")}
            writer.writerow(row | named | {c: None for c in CRITERIA} | row.get("passed", {}))
    write_atomic(path, lambda handle: handle.write(text.getvalue().encode()))


def page(files: Sequence[Rows], folder: str, picture: str) -> str:
    """The page down to the mark.

    Args:
        files: of rows.
        folder: where they lie, as seen from the page.
        picture: name of the plot's file.

    Returns:
        Markdown.
    """
    parts = ["# Success rates on random targets", _RULES, *side_by_side(files)]
    for file in files:
        parts += [f"## `{file.label}`", _about(file), _rates(file.rows)]
        parts += [_criteria(file.rows), *_verdicts(file.rows), _each(file.rows)]
    links = ", ".join(f"[{file.label}]({folder}/{file.label}.json)" for file in files)
    parts += [f"![success rates by family]({picture})", f"Rows: {links}; all as [CSV]({folder}/rows.csv).", END]
    return "\n\n".join(parts)


def write_page(path: Path, files: Sequence[Rows], folder: Path) -> None:
    """Write CSV, plot and page; what stands below the mark of an older page is kept.

    Args:
        path: of the page.
        files: of rows.
        folder: of the files, where the CSV goes.
    """
    files = [file for file in files if file.rows]
    write_csv(folder / "rows.csv", files)
    picture = path.with_suffix(".png")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_plot(picture, files)
    kept = path.read_text(encoding="utf-8").split(END, 1)[-1] if path.exists() else "\n"
    seen_from = os.path.relpath(folder, path.parent)
    text = page(files, seen_from, picture.name) + kept
    write_atomic(path, lambda handle: handle.write(text.encode()))


def share(hits: int, n: int) -> str:
    """A share with its interval, in words."""
    if n == 0:
        return "none"
    low, high = wilson(hits, n)
    return f"{hits} of {n} ({100 * low:.0f} to {100 * high:.0f} %)"


def _about(file: Rows) -> str:
    s = file.settings
    dims = ", ".join(map(str, s["dims"]))
    kind = "held-out" if s["held_out"] else "tuning"
    limit = f", at most {s['evaluations']} evaluations" if s["evaluations"] else ""
    limit += f", as many evaluations as `{s['like']}`" if s["like"] else ""
    budget = f"{s['seconds']:g} CPU seconds of training a row" if s["method"] == "transjet" else "no limit of seconds"
    named = ", ".join(f"`{option}`" for option in s["options"])
    options = f", options {named}" if named else ""
    return (
        f"Method `{s['method']}`{options}; set of {kind} seeds, seed {s['seed']}, d in {dims}; {budget}{limit}; "
        f"one core a row; {file.machine}."
    )


def _rates(rows: Sequence[dict[str, Any]]) -> str:
    """Successes by family and by dimension."""
    lines = ["| | success | median CPU s | median evaluations |", "|---|---|---|---|"]
    for name, group in _groups(rows):
        spent = [row["evaluations"] for row in group if row.get("evaluations")]
        seconds = statistics.median(row.get("seconds") or 0.0 for row in group)
        evaluations = f"{statistics.median(spent):.0f}" if spent else ""
        rate = share(sum(bool(row["success"]) for row in group), len(group))
        lines.append(f"| {name} | {rate} | {seconds:.0f} | {evaluations} |")
    return "\n".join(lines)


def _groups(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield "all", list(rows)
    keys: tuple[tuple[str, Callable[[Any], str]], ...] = (("family", "{}".format), ("dim", "d = {}".format))
    for key, words in keys:
        for value in sorted({row[key] for row in rows}):
            yield words(value), [row for row in rows if row[key] == value]


def _criteria(rows: Sequence[dict[str, Any]]) -> str:
    lines = ["| criterion | met, of the rows that it applies to |", "|---|---|"]
    for name in CRITERIA:
        found = [row["passed"][name] for row in rows if row.get("passed") and row["passed"][name] is not None]
        lines.append(f"| {name.replace('_', ' ')} | {share(sum(found), len(found))} |")
    return "\n".join(lines)


def _verdicts(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """How the verdict, which knows no truth, compares with the truth."""
    judged = [row for row in rows if row.get("verdict") and row.get("log_z_error") is not None]
    if not judged:
        return
    lines = [
        "| verdict | rows | log Z within 0.1 | log Z within 4 standard errors | success |",
        "|---|---|---|---|---|",
    ]
    for level in ("trust", "caution", "do not trust"):
        group = [row for row in judged if row["verdict"] == level]
        near = sum(abs(row["log_z_error"]) <= 0.1 for row in group)
        errors = sum(abs(row["log_z_error"]) <= 4 * (row["log_z_std_error"] or 0) for row in group)
        wins, n = sum(row["success"] for row in group), len(group)
        lines.append(f"| {level} | {n} | {share(near, n)} | {share(errors, n)} | {share(wins, n)} |")
    yield "\n".join(lines)


def _each(rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        "| row | success | not met | \\|log Z error\\| | ESS | verdict and its reasons |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda r: (r["family"], r["dim"], r["seed"])):
        name = f"{row['family']}-{row['dim']}:{row['seed']}"
        if "error" in row:
            lines.append(f"| {name} | no | failed: {row['error'].replace('|', '/')} | | | |")
            continue
        missed = ", ".join(k.replace("_", " ") for k, met in row["passed"].items() if met is False)
        error, ess = row.get("log_z_error"), row.get("ess")
        reasons = ", ".join(words.partition(" (")[0] for words in row.get("verdict_reasons", []))
        verdict = ": ".join(filter(None, (row.get("verdict"), reasons)))
        shown = ("" if error is None else f"{abs(error):.3g}", "" if ess is None else f"{ess:.3g}")
        lines.append(
            f"| {name} | {'yes' if row['success'] else 'no'} | {missed} | {shown[0]} | {shown[1]} | {verdict} |"
        )
    return "\n".join(lines)
