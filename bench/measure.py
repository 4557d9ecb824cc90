"""Timing, memory and the machine: what every benchmark needs, and nothing of transjet."""

import functools
import os
import pathlib
import statistics
import subprocess
import tempfile
import time


def pin(cores):
    """Keep this process on its first `cores` processors. Before JAX is imported: it makes as many threads."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


@functools.cache
def _fma_program(element):
    source = pathlib.Path(__file__).with_name("fma_peak.cpp")
    program = pathlib.Path(tempfile.mkdtemp()) / f"fma_peak_{element}"
    compiler = os.environ.get("CXX", "c++")
    subprocess.run(
        [compiler, "-O3", "-march=native", "-ffp-contract=fast", f"-DELEMENT={element}", source, "-o", program],
        check=True,
    )
    return program


def fma_peak(dtype):
    """GFLOP/s of one core on fused multiply-adds, measured now."""
    element = {"float32": "float", "float64": "double"}[dtype]
    return float(subprocess.run([_fma_program(element)], check=True, capture_output=True, text=True).stdout)


def interleave(calls, rounds):
    """Milliseconds of calls that wait for their results, A-A-B-B-A-A-B-B: name -> {median, min, max}.

    The first call of a pair is not timed: buffers of some hundred MB are given back, and threads come to rest, after a
    call has returned, and each is to pay for its own.
    """
    for call in calls.values():
        call()
        call()
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            call()
            start = time.perf_counter()
            call()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {n: {"median": statistics.median(t), "min": min(t), "max": max(t)} for n, t in times.items()}


def _status(key):
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(key)


def peak_memory(call):
    """MiB by which the process grows beyond what it holds, its results included, while `call` runs."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again from here
    before = _status("VmRSS")
    call()
    return _status("VmHWM") - before


def machine():
    """The processor and the versions that figures belong to."""
    import jax
    import jaxlib
    import numpy

    from transjet.backend.ffi import core_status

    model = "unknown"
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "instruction set": core_status().simd.get("selected", "none"),
        "jax": jax.__version__,
        "jaxlib": jaxlib.__version__,
        "numpy": numpy.__version__,
    }
