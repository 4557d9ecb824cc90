"""One experiment, one command: `python bench/experiment.py NAME [--seeds 0 1 2] [--quick]`.

Every run (arm, seed) has a process of its own, so that its memory is its own and a failure stays in its row. Rows go to
`results/experiments/NAME.json` as they come; a row that is there already is not run again, unless --again is given. At
the end the table (CSV), the plot and the table of the page under docs/experiments are written anew from the rows.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

from experiments import EXPERIMENTS, page
from measure import machine

HERE = pathlib.Path(__file__).parent
RESULTS = HERE / "results" / "experiments"


def _load(path):
    if path.exists():
        return json.loads(path.read_text())
    return {"machine": machine(), "rows": []}


def _save(path, results):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".part").write_text(json.dumps(results, indent=1) + "\n")
    path.with_suffix(".part").replace(path)


def _in_own_process(name, arm, seed, quick):
    command = [sys.executable, __file__, name, "--row", arm, "--seeds", str(seed)] + ["--quick"] * quick
    began = time.time()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"error": (done.stderr.strip() or "no message").splitlines()[-1][:300]}
    return json.loads(done.stdout.splitlines()[-1]) | {"process_seconds": round(time.time() - began, 1)}


def _line(row):
    if "error" in row:
        return f"FAILED {row['error']}"
    last = row["curve"][-1]
    shown = [
        f"{k} {last[k]:.4g}" for k in ("ess", "log_z_error", "mode_coverage", "seconds") if last.get(k) is not None
    ]
    return ", ".join(shown)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(EXPERIMENTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", help="only these arms")
    parser.add_argument("--again", action="store_true", help="run rows again that are there already")
    parser.add_argument(
        "--quick", action="store_true", help="a few steps of everything, to see that it runs; not saved"
    )
    parser.add_argument("--page", action="store_true", help="only write the table, the plot and the page anew")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    experiment = EXPERIMENTS[options.name]
    arms = {arm.label: arm for arm in experiment.arms}
    if options.row:
        print(json.dumps(experiment.run(arms[options.row], options.seeds[0], options.quick)))
        return
    unknown = set(options.arms or ()) - set(arms)
    if unknown:
        parser.error(f"arms: expected some of {', '.join(arms)}; got {', '.join(sorted(unknown))}")
    path = RESULTS / f"{options.name}.json"
    results = {"machine": machine(), "rows": []} if options.quick else _load(path)
    for seed in [] if options.page else options.seeds:
        for label in options.arms or arms:
            same = [r for r in results["rows"] if (r["arm"], r["seed"]) == (label, seed)]
            if same and not options.again:
                continue
            row = {"arm": label, "seed": seed} | _in_own_process(options.name, label, seed, options.quick)
            results["rows"] = [r for r in results["rows"] if r not in same] + [row]
            print(f"{label}, seed {seed}: {_line(row)}", flush=True)
            if not options.quick:
                _save(path, results)
    if not options.quick:
        page.write(experiment, results, path.with_suffix(".csv"), HERE.parent / "docs" / "experiments")
    elif any("error" in row for row in results["rows"]):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
