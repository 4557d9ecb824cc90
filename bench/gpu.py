"""Every figure of the GPU backends in one run and one file: `python bench/gpu.py --budget SECONDS`.

Rows are made in the order of their importance, and the file is written anew after each, so that whoever stops the run
keeps what was measured. Rows for which no time is left are recorded as skipped, failures with their words.
"""

import argparse
import csv
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # runs of their own need memory as well

import jax
import measure
from flops import gflop
from problems import FEATURES, continuity_terms, difference, folx_call, term, transjet_call, waiting, without_dt

from transjet import ops
from transjet.backend import availability

RESULTS = pathlib.Path(__file__).with_name("results")
ROLES = ("forward", "cotangent", "gauss_newton")
WRONG = {"float32": 1e-3, "float64": 1e-9}  # relative difference from the reference beyond which a figure is no figure
ESS = 0.98


class Figures:
    """The results so far, on disk after every row."""

    def __init__(self, path, budget, quick):
        import gpu_machine

        self.path, self.quick, self._end = path, quick, time.monotonic() + budget
        self.results = {
            "kind": "gpu",
            "machine": gpu_machine.machine(),
            "date": time.strftime("%Y-%m-%d"),
            "quick": quick,
            "ceilings": {},
            "rows": [],
        }
        self.write()

    @property
    def left(self):
        return self._end - time.monotonic()

    def write(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".part")
        fresh.write_text(json.dumps(self.results, indent=1) + "\n")
        fresh.replace(self.path)

    def row(self, make, **about):
        """Make a row, or say why there is none."""
        if self.left <= 0:
            made = {"skipped": "no time left"}
        else:
            try:
                made = make()
            except Exception as error:  # whatever it is, later rows are worth having
                made = {"failed": f"{type(error).__name__}: {str(error)[:500]}"}
        self.results["rows"].append({**about, **made})
        self.write()
        text = ", ".join(str(v) for v in about.values())
        shown = {k: v for k, v in made.items() if k in ("skipped", "failed", "gflops", "seconds", "mib", "wrong")}
        print(f"  {text}: {shown or made}", file=sys.stderr, flush=True)

    def rounds(self):
        return 3 if self.quick else 9

    def bad(self):
        """Rows that failed or computed something else."""
        broken = [r for r in self.results["rows"] if "failed" in r or r.get("wrong")]
        return broken + [c for c in self.results["ceilings"].values() if "failed" in c]


def _absent(backend):
    """Why a backend cannot be measured; None if it can."""
    if backend == "folx":
        return None if importlib.util.find_spec("folx") else "folx is not installed"
    state = availability(backend)
    return None if state.available else state.reason


def ceilings(figures):
    """What the device reaches on plain products and copies. Without a GPU some are not there to be measured."""
    import gpu_machine

    calls = {k: lambda k=k: gpu_machine.matmul(k, figures.quick) for k in ("tf32", "bf16", "float64", "float32")}
    calls["copy"] = lambda: gpu_machine.copy(figures.quick)
    for name, call in calls.items():
        try:
            found = call()
        except Exception as error:
            key = "failed" if jax.default_backend() == "gpu" else "skipped"
            found = {key: f"{type(error).__name__}: {str(error)[:200]}"}
        figures.results["ceilings"][name] = found
        figures.write()
        print(f"  ceiling {name}: {found}", file=sys.stderr, flush=True)


def _ceiling(figures, dtype):
    """What a kernel could reach: three products in tf32 for one in float32; in float64 the device's own."""
    found = figures.results["ceilings"]
    if dtype == "float64":
        return found["float64"].get("rate")
    rate = found["tf32"].get("rate")
    return rate / 3 if rate else None


def _program_mib(call):
    """MiB of results and working memory, as the compiler allots them."""
    sizes = call.func.lower(*call.args).compile().memory_analysis()
    return None if sizes is None else (sizes.temp_size_in_bytes + sizes.output_size_in_bytes) / 2**20


def _same(role, results):
    """What transjet's call and folx's both give: the forward of folx has no derivative in time."""
    if role == "forward":
        return [(results[0].value, results[0].grad, results[0].laplacian)]
    return results


def product(figures, backend, role, n, d, width, dtype):
    """One role of one Laplacian jet, 3 hidden layers."""
    absent = _absent(backend)
    if absent:
        return {"skipped": absent}
    t = without_dt(term("laplacian_jet", n, d, width, dtype))
    call = folx_call(role, t) if backend == "folx" else transjet_call(role, [t], backend)
    exact, found = transjet_call(role, [t], "xla")(), call()
    far = difference([found] if backend == "folx" else _same(role, found), _same(role, exact))
    took = measure.interleave({backend: waiting(call)}, figures.rounds())[backend]
    work = gflop("laplacian_jet", role, n, d, FEATURES, (width,) * 3)
    rate, ceiling = 1e3 * work / took["median"], _ceiling(figures, dtype)
    return {
        "ms": took, "gflops": rate, "share": rate / ceiling if ceiling else None, "difference": far,
        "wrong": not far < WRONG[dtype], "program_mib": _program_mib(call),
    }  # fmt: skip


def gram(figures, backend, n, d, dtype="float32"):
    """J J^T of the continuity equation's residual."""
    absent = _absent(backend)
    if absent:
        return {"skipped": absent}
    terms = continuity_terms(n, d, 64, dtype)
    names = [t.jet for t in terms]

    def call(backend):
        run = jax.jit(lambda a: ops.gram([ops.Term(j, *v, backend=backend) for j, v in zip(names, a, strict=True)]))
        return lambda: run([tuple(t[1:6]) for t in terms])

    far = difference(call(backend)(), call("xla")())
    took = measure.interleave({backend: waiting(call(backend))}, figures.rounds())[backend]
    return {"ms": took, "difference": far, "wrong": not far < WRONG[dtype]}


def step(figures, backend, points, dtype):
    """The whole dual Gauss-Newton step of the continuity equation on gmm-grid."""
    from dual import step_call

    absent = _absent(backend)
    if absent:
        return {"skipped": absent}
    took = measure.interleave({backend: waiting(step_call(backend, points, dtype))}, figures.rounds())[backend]
    return {"ms": took}


def memory(figures, backend, role, n, d, width):
    """Peak of a process of its own beyond what it held before the call: a process has one peak."""
    absent = _absent(backend)
    if absent:
        return {"skipped": absent}
    command = [sys.executable, __file__, "--memory", backend, role, *map(str, (n, d, width))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=max(1, min(60, figures.left)))
    if done.returncode:
        raise RuntimeError(done.stderr[-300:])
    return json.loads(done.stdout)


def _memory_here(backend, role, n, d, width):
    """In the process of its own."""
    t = without_dt(term("laplacian_jet", n, d, width))
    call = folx_call(role, t) if backend == "folx" else transjet_call(role, [t], backend)
    device = jax.devices()[0]
    if device.memory_stats() is None:
        return {"skipped": f"JAX does not count the memory of {device.platform}"}
    jax.block_until_ready(call.args)
    call.func.lower(*call.args).compile()
    before = device.memory_stats()["bytes_in_use"]
    jax.block_until_ready(call())
    return {"mib": (device.memory_stats()["peak_bytes_in_use"] - before) / 2**20}


def to_ess(figures, backend):
    """Seconds of `transjet run gmm-grid` until a score reaches the ESS, compilation included."""
    absent = _absent(backend)
    if absent:
        return {"skipped": absent}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "transjet", "run", "gmm-grid", "--out", folder, "--overwrite", "--quiet"]
        command += ["--no-pictures", "--backend", backend, "--set", "score_every=10"]
        command += ["--iterations", "10"] if figures.quick else []
        done = subprocess.run(command, capture_output=True, text=True, timeout=max(1, min(120, figures.left)))
        if done.returncode:
            raise RuntimeError(done.stderr[-300:])
        with (pathlib.Path(folder) / "history.csv").open() as lines:
            rows = [{k: float(row[k]) for k in ("iteration", "seconds", "ess")} for row in csv.DictReader(lines)]
    scores = [row for row in rows if row["ess"] == row["ess"]]
    reached = next((row for row in scores if row["ess"] >= ESS), None)
    about = {"goal": ESS, "trained_iterations": len(rows), "trained_seconds": rows[-1]["seconds"], "scores": scores}
    if reached is None:
        best = max((row["ess"] for row in scores), default=float("nan"))
        return {**about, "not_reached": f"best ESS {best:.3f} in {len(rows)} iterations"}
    return {**about, "seconds": reached["seconds"], "iterations": reached["iteration"]}


def _products(figures, backends, n, d, width, dtype="float32", roles=ROLES):
    for role in roles:
        for backend in backends:
            about = {"what": "product", "role": role, "n": n, "d": d, "width": width, "dtype": dtype}
            about["backend"] = backend
            figures.row(lambda a=(backend, role, n, d, width, dtype): product(figures, *a), **about)


def everything(figures, ours):
    """All rows, the most important first."""
    everyone = (*ours, "xla", "folx")
    few, many, points = (128, 512, 64) if figures.quick else (8192, 131072, 1024)
    dimensions, widths = ((2,), (64,)) if figures.quick else ((10, 2, 50), (64, 128, 256))
    first = dimensions[0], widths[0]
    ceilings(figures)
    _products(figures, everyone, few, *first)
    for backend in (*ours, "xla"):
        about = {"what": "step", "n": points, "dtype": "float32", "backend": backend}
        figures.row(lambda b=backend: step(figures, b, points, "float32"), **about)
        about = {"what": "gram", "n": points, "d": first[0], "width": 64, "dtype": "float32", "backend": backend}
        figures.row(lambda b=backend: gram(figures, b, points, first[0]), **about)
    for backend in ours if figures.quick else everyone:
        about = {"what": "memory", "role": "gauss_newton", "n": few, "d": first[0], "width": first[1]}
        figures.row(
            lambda b=backend: memory(figures, b, "gauss_newton", few, *first), **about, dtype="float32", backend=backend
        )
    _products(figures, (*ours, "xla"), few, *first, dtype="float64")
    figures.row(lambda: to_ess(figures, ours[0]), what="run", target="gmm-grid", backend=ours[0])
    for n in (few,) if figures.quick else (few, many):
        for width in widths:
            for d in dimensions:
                if (n, d, width) != (few, *first):
                    _products(figures, everyone, n, d, width)
    about = {"what": "step", "n": points, "dtype": "float64", "backend": ours[0]}
    figures.row(lambda: step(figures, ours[0], points, "float64"), **about)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=pathlib.Path, help="the file; bench/results/gpu-DEVICE.json by default")
    parser.add_argument("--budget", type=float, default=300, help="seconds after which no row is begun")
    parser.add_argument("--quick", action="store_true", help="small problems, the cpu backend for those of GPUs")
    parser.add_argument("--memory", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")
    if options.memory:
        backend, role, *sizes = options.memory
        print(json.dumps(_memory_here(backend, role, *map(int, sizes))))
        return
    if options.quick and (options.json is None or RESULTS in options.json.resolve().parents):
        parser.error("--quick: expected --json with a file outside of bench/results; its figures are none")
    if not options.quick and jax.default_backend() != "gpu":
        parser.error("JAX has no GPU here; --quick tries this program on the CPU")
    import gpu_machine

    path = options.json or RESULTS / gpu_machine.file_name(jax.devices()[0].device_kind)
    figures = Figures(path, options.budget, options.quick)
    everything(figures, ("cpu",) if options.quick else ("cuda", "triton"))
    bad = figures.bad()
    print(f"{len(bad)} rows failed or are wrong; {path}", file=sys.stderr)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
