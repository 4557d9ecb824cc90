"""Every figure of the GPU backends in one run and one file: `python bench/gpu.py --budget SECONDS`.

Rows are made in the order of their importance, and the file is written anew after each, so that whoever stops the run
keeps what was measured. Rows for which no time is left are recorded as skipped, failures with their words; `--resume`
makes the rows that are not there yet.
"""

import argparse
import json
import os
import pathlib
import sys

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # runs of their own need memory as well

import gpu_figures
import gpu_goals
import gpu_machine
import gpu_rows as rows
import jax

RESULTS = pathlib.Path(__file__).with_name("results")
ROLES = ("forward", "cotangent", "gauss_newton")


def ceilings(figures):
    """What the device reaches on plain products and copies. Without a GPU some are not there to be measured."""
    calls = {k: lambda k=k: gpu_machine.matmul(k, figures.quick) for k in ("tf32", "bf16", "float64", "float32")}
    calls["copy"] = lambda: gpu_machine.copy(figures.quick)

    def tried(call):
        try:
            return call()
        except Exception as error:
            if jax.default_backend() == "gpu":
                raise
            return {"skipped": f"{type(error).__name__}: {str(error)[:200]}"}

    for name, call in calls.items():
        figures.ceiling(name, lambda call=call: tried(call))


def _products(figures, backends, n, d, width, dtype="float32"):
    for role in ROLES:
        for backend in backends:
            about = {"what": "product", "role": role, "n": n, "d": d, "width": width, "dtype": dtype}
            case = (backend, role, n, d, width, dtype)
            figures.row(lambda case=case: rows.product(figures, *case), **about, backend=backend)


def _steps(figures, backends, points, d, dtype="float32"):
    for backend in backends:
        about = {"what": "step", "n": points, "dtype": dtype, "backend": backend}
        figures.row(lambda b=backend: rows.step(figures, b, points, dtype), **about)
        about = {"what": "gram", "n": points, "d": d, "width": 64, "dtype": dtype, "backend": backend}
        figures.row(lambda b=backend: rows.gram(figures, b, points, d, dtype), **about)


def _memory(figures, backends, n, d, width):
    for backend in backends:
        about = {"what": "memory", "role": "gauss_newton", "n": n, "d": d, "width": width, "dtype": "float32"}
        case = (__file__, backend, "gauss_newton", n, d, width)
        figures.row(lambda case=case: rows.memory(figures, *case), **about, backend=backend)


def _runs(figures, backends):
    for backend in backends:
        about = {"what": "run", "target": "gmm-grid", "backend": backend}
        figures.row(lambda b=backend: rows.to_ess(figures, b), patience=150, **about)


def everything(figures, ours):
    """All rows, the most important first."""
    few, many, points = (128, 512, 64) if figures.quick else (8192, 131072, 1024)
    dimensions, widths = ((2,), (64,)) if figures.quick else ((10, 2, 50), (64, 128, 256))
    rivals, first = ("xla", "folx"), (dimensions[0], widths[0])
    shapes = [(n, d, w) for n in (few, many) for w in widths for d in dimensions]
    ceilings(figures)
    _products(figures, (*ours, *rivals), few, *first)
    _steps(figures, (*ours, "xla"), points, first[0])
    _products(figures, (*ours, *rivals), few, *first, dtype="float64")
    _runs(figures, ("auto",))
    _memory(figures, ours if figures.quick else (*ours, *rivals), few, *first)
    for shape in shapes:
        _products(figures, ours, *shape)
    for shape in shapes:
        _products(figures, rivals, *shape)
    _steps(figures, ours, points, first[0], "float64")
    _runs(figures, ours)


def _supervised(options, path):
    """Have the rows made in a process of their own; how many are bad, and which goals are missed."""
    command = [sys.executable, __file__, "--worker", "--json", str(path), *(["--quick"] if options.quick else [])]
    ended = gpu_figures.supervise(command, options.budget, options.resume)
    if not path.exists():
        return 1
    results = json.loads(path.read_text())
    bad = gpu_figures.bad(results)
    print("\n".join(gpu_goals.lines(results)))
    print(f"{len(bad)} rows failed or are wrong; {path}", file=sys.stderr)
    return int(bool(bad) or not ended)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=pathlib.Path, help="the file; bench/results/gpu-DEVICE.json by default")
    parser.add_argument("--budget", type=float, default=300, help="seconds after which no row is begun")
    parser.add_argument("--quick", action="store_true", help="small problems, the cpu backend for those of GPUs")
    parser.add_argument("--resume", action="store_true", help="keep the file's rows and make the others")
    parser.add_argument("--memory", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")
    if options.memory:
        backend, role, *sizes = options.memory
        print(json.dumps(rows.memory_here(backend, role, *map(int, sizes))))
        return
    if options.quick and (options.json is None or RESULTS in options.json.resolve().parents):
        parser.error("--quick: expected --json with a file outside of bench/results; its figures are none")
    if not options.quick and jax.default_backend() != "gpu":
        parser.error("JAX has no GPU here; --quick tries this program on the CPU")
    path = options.json or RESULTS / gpu_machine.file_name(jax.devices()[0].device_kind)
    if not options.worker:
        sys.exit(_supervised(options, path))
    figures = gpu_figures.Figures(path, options.budget, options.quick, options.resume)
    everything(figures, ("cpu",) if options.quick else ("cuda", "triton"))
    figures.results["goals"] = gpu_goals.goals(figures.results)
    figures.write()


if __name__ == "__main__":
    main()
