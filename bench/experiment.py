"""Experiments, each by one command: `python bench/experiment.py NAME [--seeds 0 1 2] [--cores 0 1] [--quick]`.

NAME is one of the experiments, several of them, or "all": all but "headline". Every row (arm, seed) has a process of
its own on one core, so that its memory is its own and a failure stays in its row; with --cores as many rows run at a
time as cores are named. Rows go to `results/experiments/NAME.json` as they come; a row that is there already is not run
again, unless --again is given, so that an interrupted command goes on when it is repeated. At the end of an experiment
its table (CSV), the plot and the table of the page under docs/experiments are written anew from the rows.
"""

import argparse
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time

from experiments import EXPERIMENTS, page
from measure import machine

HERE = pathlib.Path(__file__).parent
RESULTS = HERE / "results" / "experiments"
_LIMIT = 3600  # seconds after which a row is given up


def _load(path):
    if path.exists():
        return json.loads(path.read_text())
    return {"machine": machine(), "rows": []}


def _save(path, results):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, separators=(",", ":")).replace('{"arm"', '\n{"arm"')  # a line a row
    path.with_suffix(".part").write_text(text + "\n")
    path.with_suffix(".part").replace(path)


def _in_own_process(name, arm, seed, core, quick):
    command = [sys.executable, __file__, name, "--row", arm, "--seeds", str(seed), "--cores", str(core)]
    began = time.time()
    try:
        done = subprocess.run(command + ["--quick"] * quick, capture_output=True, text=True, timeout=_LIMIT)
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {_LIMIT} s"}
    if done.returncode:
        return {"error": (done.stderr.strip() or "no message").splitlines()[-1][:300]}
    return json.loads(done.stdout.splitlines()[-1]) | {"process_seconds": round(time.time() - began, 1)}


def _line(row):
    if "error" in row:
        return f"FAILED {row['error']}"
    last = row["curve"][-1]
    shown = ("ess", "log_z_error", "mode_coverage", "iteration", "cpu_seconds")
    return ", ".join(f"{k} {last[k]:.4g}" for k in shown if last.get(k) is not None) + (
        f"; STOPPED {row['stopped']}" if "stopped" in row else ""
    )


class Queue:
    """Rows of one experiment, a thread per core.

    Args:
        experiment: whose rows.
        results: with the rows that are there, which gets the new ones.
        cores: where rows run.
        quick: a few steps only, and nothing is saved.
    """

    def __init__(self, experiment, results, cores, quick):
        self.experiment, self.results, self.cores, self.quick = experiment, results, cores, quick
        self.lock, self.waiting = threading.Lock(), queue.SimpleQueue()

    def run(self, rows):
        """Run rows (label, seed)."""
        for row in rows:
            self.waiting.put(row)
        threads = [threading.Thread(target=self._work, args=(core,), daemon=True) for core in self.cores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, core):
        while True:
            try:
                label, seed = self.waiting.get_nowait()
            except queue.Empty:
                return
            found = _in_own_process(self.experiment.name, label, seed, core, self.quick)
            with self.lock:
                self._keep({"arm": label, "seed": seed} | found)

    def _keep(self, row):
        same = (row["arm"], row["seed"])
        self.results["rows"] = [r for r in self.results["rows"] if (r["arm"], r["seed"]) != same] + [row]
        print(f"{self.experiment.name}: {row['arm']}, seed {row['seed']}: {_line(row)}", flush=True)
        if not self.quick:
            _save(RESULTS / f"{self.experiment.name}.json", self.results)


def _experiment(experiment, options):
    """Run what is missing of an experiment and write its page; whether all rows of a quick run went through."""
    path = RESULTS / f"{experiment.name}.json"
    results = {"rows": []} if options.quick else _load(path)
    there = set() if options.again else {(r["arm"], r["seed"]) for r in results["rows"] if "error" not in r}
    labels = [arm.label for arm in experiment.arms if arm.label in (options.arms or [arm.label])]
    rows = [] if options.page else [(label, seed) for seed in options.seeds for label in labels]
    Queue(experiment, results, options.cores, options.quick).run([r for r in rows if r not in there])
    if not options.quick and results["rows"]:
        page.write(experiment, results, path.with_suffix(".csv"), HERE.parent / "docs" / "experiments")
    return not any("error" in row for row in results["rows"])


def _parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME", choices=["all", *EXPERIMENTS], help=", ".join(EXPERIMENTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--cores", type=int, nargs="+", help="one row at a time on each; default: the first permitted")
    parser.add_argument("--arms", nargs="+", help="only these arms, of a single experiment")
    parser.add_argument("--again", action="store_true", help="run rows again that are there already")
    parser.add_argument(
        "--quick", action="store_true", help="a few steps of everything, to see that it runs; not saved"
    )
    parser.add_argument("--page", action="store_true", help="only write the table, the plot and the page anew")
    parser.add_argument("--budget", action="store_true", help="only print the CPU seconds of training that this takes")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    permitted = os.sched_getaffinity(0)
    options.cores = options.cores or [min(permitted)]
    if not set(options.cores) <= permitted:
        parser.error(f"cores: expected some of {sorted(permitted)}; got {options.cores}")
    names = [n for n in EXPERIMENTS if n != "headline"] if "all" in options.names else options.names
    options.experiments = [EXPERIMENTS[name] for name in dict.fromkeys(names)]
    known = {arm.label for e in options.experiments for arm in e.arms}
    if options.arms and (len(options.experiments) > 1 or not set(options.arms) <= known):
        parser.error(f"arms: expected some of one experiment, {', '.join(sorted(known))}; got {options.arms}")
    return options


def main(argv=None):
    """Run, as the command line says."""
    options = _parse(argv)
    if options.row:
        os.sched_setaffinity(0, {options.cores[0]})  # before JAX is imported: it makes as many threads
        experiment = options.experiments[0]
        arm = next(arm for arm in experiment.arms if arm.label == options.row)
        print(json.dumps(experiment.run(arm, options.seeds[0], options.quick)))
        return
    if options.budget:
        for e in options.experiments:
            total = len(options.seeds) * sum(arm.seconds or 0 for arm in e.arms)
            print(f"{e.name}: {len(e.arms)} arms, {len(options.seeds)} seeds, {total:.0f} CPU seconds")
        return
    went = [_experiment(experiment, options) for experiment in options.experiments]
    if options.quick and not all(went):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
