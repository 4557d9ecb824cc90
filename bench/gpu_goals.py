"""What is wanted of the GPU backends, and how the figures of `gpu.py` compare: `python bench/gpu_goals.py FILE`.

Goals are wishes, set before anything was measured. For each case the better of the backends cuda and triton counts.
"""

import argparse
import json
import pathlib

OURS = ("cuda", "triton", "cpu")  # cpu stands in with --quick
LEAST = {
    "share of ceiling": 0.4,  # of a third of the measured tf32 rate, at widths up to 128
    "times as fast as folx": 4.0,  # under jit, highest precision
    "times as fast as folx in float64": 3.0,
    "times as fast as xla": 2.0,  # the reference, which goes through chunks of points
    "times less memory than folx": 50.0,
}
WIDEST_WITH_SHARE = 128
MOST = {"seconds to the ESS": 60.0}


def _usable(row):
    return "ms" in row and not row.get("wrong")


def _time(row):
    return row["ms"]["median"]


def _best(found):
    """The fastest of our rows, None if there is none."""
    return min((row for name, row in found.items() if name in OURS and _usable(row)), key=_time, default=None)


def _goal(name, case, value, backend):
    least, most = LEAST.get(name), MOST.get(name)
    met = value >= least if least is not None else value <= most
    return {"goal": name, "case": case, "wanted": least or most, "value": value, "backend": backend, "met": bool(met)}


def _of_product(case, found):
    best = _best(found)
    if best is None:
        return [{"goal": "any figure", "case": case, "met": False, "why": _why(found)}]
    rivals = {name: found[name] for name in ("folx", "xla") if _usable(found.get(name, {}))}
    double = best.get("dtype") == "float64"
    wide = best.get("width", 0) > WIDEST_WITH_SHARE
    values = {"share of ceiling": None if double or wide else best.get("share")}
    suffix = {"folx": " in float64" if double else "", "xla": ""}
    values |= {f"times as fast as {name}{suffix[name]}": _time(row) / _time(best) for name, row in rivals.items()}
    if "folx" in rivals and best.get("program_mib") and rivals["folx"].get("program_mib"):
        values["times less memory than folx"] = rivals["folx"]["program_mib"] / best["program_mib"]
    return [_goal(name, case, value, best["backend"]) for name, value in values.items() if value is not None]


def _why(found):
    reasons = (f"{n}: {row.get('failed') or row.get('skipped') or 'wrong'}" for n, row in found.items() if n in OURS)
    return "; ".join(reasons) or "not measured"


def _of_peaks(case, found):
    """Of processes, while the figures of products are those of programs."""
    ours = {name: row["mib"] for name, row in found.items() if name in OURS and "mib" in row}
    if not ours or "mib" not in found.get("folx", {}):
        return []
    best = min(ours, key=ours.get)
    return [_goal("times less memory than folx", f"{case}, peak", found["folx"]["mib"] / ours[best], best)]


def _of_runs(case, found):
    seconds = {name: row["seconds"] for name, row in found.items() if "seconds" in row}
    if not seconds:
        reached = [row.get("not_reached") or row.get("failed") or row.get("skipped") for row in found.values()]
        return [{"goal": "seconds to the ESS", "case": case, "met": False, "why": "; ".join(map(str, reached))}]
    best = min(seconds, key=seconds.get)
    return [_goal("seconds to the ESS", case, seconds[best], best)]


_KINDS = {"product": _of_product, "memory": _of_peaks, "run": _of_runs}


def goals(results):
    """A row for every goal and case: {goal, case, wanted, value, backend, met}, or {goal, case, met, why}."""
    cases = {}
    for row in results["rows"]:
        if row["what"] in _KINDS:
            about = {k: row[k] for k in ("what", "target", "role", "dtype", "n", "d", "width") if k in row}
            cases.setdefault(tuple(about.items()), {})[row["backend"]] = row
    found = []
    for about, rows in cases.items():
        words = ", ".join(str(v) if k in ("what", "target", "role", "dtype") else f"{k} {v}" for k, v in about)
        found += _KINDS[dict(about)["what"]](words, rows)
    return found


def lines(results):
    """The summary: how many of each goal are met, and every one that is missed."""
    found = goals(results)
    text = []
    for name in dict.fromkeys(goal["goal"] for goal in found):
        of_name = [goal for goal in found if goal["goal"] == name]
        wanted = next((goal["wanted"] for goal in of_name if "wanted" in goal), None)
        bound = "" if wanted is None else f" ({'at least' if name in LEAST else 'at most'} {wanted:g})"
        text.append(f"{name}{bound}: {sum(goal['met'] for goal in of_name)} of {len(of_name)} met")
        for goal in (goal for goal in of_name if not goal["met"]):
            said = goal["why"] if "why" in goal else f"{goal['value']:.3g} by {goal['backend']}"
            text.append(f"  missed: {goal['case']}: {said}")
    return text or ["no figure that a goal is about"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("json", type=pathlib.Path, help="the file of gpu.py")
    parser.add_argument("--stages", type=pathlib.Path, help="lines to keep in the file, on how the whole run went")
    parser.add_argument("--copy", action="store_true", help="put the file where the results of its device belong")
    options = parser.parse_args()
    if not options.json.exists():
        print("there are no figures")
        return
    results = json.loads(options.json.read_text())
    results["goals"] = goals(results)
    if options.stages:
        results["stages"] = options.stages.read_text().splitlines()
    text = json.dumps(results, indent=1) + "\n"
    options.json.write_text(text)
    if options.copy and results["rows"]:
        import gpu_machine

        folder = pathlib.Path(__file__).with_name("results")
        (folder / gpu_machine.file_name(results["machine"]["device"])).write_text(text)
    print("\n".join(lines(results)))


if __name__ == "__main__":
    main()
