"""What the rows of `gpu.py` measure: products, whole steps, memory, whole runs. A row without `failed` was checked."""

import csv
import functools
import importlib.util
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time

import jax
import measure
from flops import gflop
from problems import FEATURES, continuity_terms, difference, folx_call, term, transjet_call, without_dt

from transjet import ops
from transjet.backend import availability

WRONG = {"float32": 1e-3, "float64": 1e-9}  # relative difference from the reference beyond which a figure is no figure
ESS = 0.98
QUEUE_MS = 20  # a round's calls take at least so long together, if few enough do
LONGEST_QUEUE = 100


def absent(backend):
    """Why a backend cannot be measured; None if it can."""
    if backend == "auto":
        return None
    if backend == "folx":
        return None if importlib.util.find_spec("folx") else "folx is not installed"
    state = availability(backend)
    return None if state.available else state.reason


def timed(call, rounds):
    """Milliseconds: `ms` of a call among many that are under way, `latency_ms` of one that is waited for.

    A GPU works while the host prepares the next call, so that a call alone takes longer than it costs in a program.
    """
    alone = measure.interleave({"call": lambda: jax.block_until_ready(call())}, rounds)["call"]
    count = min(LONGEST_QUEUE, max(1, math.ceil(QUEUE_MS / alone["median"])))

    def queue():
        for _ in range(count - 1):
            call()
        jax.block_until_ready(call())

    took = measure.interleave({"call": queue}, rounds)["call"]
    return {"ms": {k: v / count for k, v in took.items()}, "latency_ms": alone, "queued": count}


def _compiled(call):
    """A call of the compiled program, and MiB of its results and working memory, as the compiler allots them."""
    program = call.func.lower(*call.args).compile()
    sizes = program.memory_analysis()
    mib = None if sizes is None else (sizes.temp_size_in_bytes + sizes.output_size_in_bytes) / 2**20
    return functools.partial(program, *call.args), mib


@functools.lru_cache(maxsize=1)
def _problem(n, d, width, dtype):
    return without_dt(term("laplacian_jet", n, d, width, dtype))


@functools.lru_cache(maxsize=1)
def _exact(role, n, d, width, dtype):
    """By the reference, for all backends that are measured one after the other."""
    return jax.device_get(transjet_call(role, [_problem(n, d, width, dtype)], "xla")())


def _same(role, results):
    """What transjet's call and folx's both give: the forward of folx has no derivative in time."""
    if role == "forward":
        return [(results[0].value, results[0].grad, results[0].laplacian)]
    return results


def ceiling_of(ceilings, dtype):
    """What a kernel could reach: three products in tf32 for one in float32; in float64 the device's own."""
    if dtype == "float64":
        return ceilings["float64"].get("rate")
    rate = ceilings["tf32"].get("rate")
    return rate / 3 if rate else None


def product(figures, backend, role, n, d, width, dtype):
    """One role of one Laplacian jet, 3 hidden layers."""
    if reason := absent(backend):
        return {"skipped": reason}
    t = _problem(n, d, width, dtype)
    call, mib = _compiled(folx_call(role, t) if backend == "folx" else transjet_call(role, [t], backend))
    exact, found = _exact(role, n, d, width, dtype), call()
    far = difference([found] if backend == "folx" else _same(role, found), _same(role, exact))
    took = timed(call, figures.rounds())
    work = gflop("laplacian_jet", role, n, d, FEATURES, (width,) * 3)
    rate, ceiling = 1e3 * work / took["ms"]["median"], ceiling_of(figures.results["ceilings"], dtype)
    return {
        **took, "gflops": rate, "share": rate / ceiling if ceiling else None, "difference": far,
        "wrong": not far < WRONG[dtype], "program_mib": mib,
    }  # fmt: skip


def gram(figures, backend, n, d, dtype="float32"):
    """J J^T of the continuity equation's residual."""
    if reason := absent(backend):
        return {"skipped": reason}
    terms = continuity_terms(n, d, 64, dtype)
    names = [t.jet for t in terms]

    def call(backend):
        run = jax.jit(lambda a: ops.gram([ops.Term(j, *v, backend=backend) for j, v in zip(names, a, strict=True)]))
        return functools.partial(run, [tuple(t[1:6]) for t in terms])

    far = difference(call(backend)(), call("xla")())
    return {**timed(call(backend), figures.rounds()), "difference": far, "wrong": not far < WRONG[dtype]}


def step(figures, backend, points, dtype):
    """The whole dual Gauss-Newton step of the continuity equation on gmm-grid."""
    from dual import step_call

    if reason := absent(backend):
        return {"skipped": reason}
    return timed(step_call(backend, points, dtype), figures.rounds())


def memory(figures, program, backend, role, n, d, width):
    """Peak of a process of its own beyond what it held before the call: a process has one peak."""
    if reason := absent(backend):
        return {"skipped": reason}
    command = [sys.executable, program, "--memory", backend, role, *map(str, (n, d, width))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=max(1, min(60, figures.left)))
    if done.returncode:
        raise RuntimeError(done.stderr[-300:])
    return json.loads(done.stdout)


def memory_here(backend, role, n, d, width):
    """In the process of its own."""
    t = without_dt(term("laplacian_jet", n, d, width))
    call = folx_call(role, t) if backend == "folx" else transjet_call(role, [t], backend)
    device = jax.devices()[0]
    if device.memory_stats() is None:
        return {"skipped": f"JAX does not count the memory of {device.platform}"}
    jax.block_until_ready(call.args)
    compiled, _ = _compiled(call)
    before = device.memory_stats()["bytes_in_use"]
    jax.block_until_ready(compiled())
    return {"mib": (device.memory_stats()["peak_bytes_in_use"] - before) / 2**20}


def to_ess(figures, backend):
    """Seconds of `transjet run gmm-grid` until a score reaches the ESS, compilation included; and of the process."""
    if reason := absent(backend):
        return {"skipped": reason}
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "transjet", "run", "gmm-grid", "--out", folder, "--overwrite", "--quiet"]
        command += ["--no-pictures", "--backend", backend, "--set", "score_every=10"]
        command += ["--iterations", "10"] if figures.quick else []
        done = subprocess.run(command, capture_output=True, text=True, timeout=max(1, min(120, figures.left)))
        if done.returncode:
            raise RuntimeError(done.stderr[-300:])
        process = time.monotonic() - began
        with (pathlib.Path(folder) / "history.csv").open() as lines:
            rows = [{k: float(row[k]) for k in ("iteration", "seconds", "ess")} for row in csv.DictReader(lines)]
    scores = [row for row in rows if row["ess"] == row["ess"]]
    reached = next((row for row in scores if row["ess"] >= ESS), None)
    about = {"goal": ESS, "trained_iterations": len(rows), "trained_seconds": rows[-1]["seconds"], "scores": scores}
    about["process_seconds"] = process
    if reached is None:
        best = max((row["ess"] for row in scores), default=float("nan"))
        return {**about, "not_reached": f"best ESS {best:.3f} in {len(rows)} iterations"}
    return {**about, "seconds": reached["seconds"], "iterations": reached["iteration"]}
