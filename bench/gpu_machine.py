"""The GPU that figures belong to: its name, its driver, and what it reaches on plain products and copies."""

import re
import subprocess
from importlib import metadata

import jax
import jax.numpy as jnp
import measure

from transjet.backend.ffi import core_status

PACKAGES = ("jax", "jaxlib", "numpy", "triton", "folx", "nvidia-cublas", "nvidia-cuda-runtime")
QUERY = "name,driver_version,memory.total,power.limit,clocks.max.sm,clocks.max.memory,temperature.gpu"


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _driver():
    """What nvidia-smi says of the first GPU; a reason where it says nothing."""
    command = ["nvidia-smi", "--id=0", f"--query-gpu={QUERY}", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        return {"nvidia-smi": f"no answer: {type(error).__name__}"}
    return dict(zip(QUERY.split(","), (value.strip() for value in done.stdout.split(",")), strict=False))


def machine():
    """Processor, GPU, driver, versions."""
    device = jax.devices()[0]
    versions = {name: _version(name) for name in PACKAGES}
    build = core_status().build.get("cuda", {})
    return {
        **measure.machine(),
        **versions,
        "device": device.device_kind,
        "platform": device.platform,
        **_driver(),
        "CUDA kernels": str(build.get("reason", core_status().reason)),
    }


def file_name(device):
    """Where the results of a device belong."""
    return f"gpu-{re.sub(r'[^a-z0-9]+', '-', device.lower()).strip('-')}.json"


def _rate(work, call, rounds):
    """10^9 units of work a second, by the median time."""
    took = measure.interleave({"ceiling": lambda: jax.block_until_ready(call())}, rounds)["ceiling"]
    return {"ms": took, "rate": 1e-6 * work / took["median"]}


def matmul(kind, quick):
    """GFLOP/s of a square product: bf16, tf32, float32 or float64."""
    n = 256 if quick else 4096 if kind in ("float32", "float64") else 8192
    dtype = {"bf16": "bfloat16", "float64": "float64"}.get(kind, "float32")
    presets = jax.lax.DotAlgorithmPreset
    algorithms = {"bf16": presets.BF16_BF16_F32, "tf32": presets.TF32_TF32_F32, "float32": presets.F32_F32_F32}
    precision = algorithms.get(kind, jax.lax.Precision.HIGHEST)
    # Not constant: products with ones or zeros take less power, and a GPU then runs at a higher clock.
    a, b = (jax.random.normal(jax.random.key(i), (n, n), jnp.dtype(dtype)) for i in range(2))
    out = "float32" if kind == "bf16" else dtype
    product = jax.jit(lambda a, b: jax.lax.dot(a, b, precision=precision, preferred_element_type=jnp.dtype(out)))
    return {"n": n, **_rate(2.0 * n**3, lambda: product(a, b), 3 if quick else 20)}


def copy(quick):
    """GB/s read and written by scaling a large array."""
    count = 2**20 if quick else 2**28
    a = jnp.ones(count, jnp.float32)
    scale = jax.jit(lambda a: a * 1.5)
    return {"bytes": 4 * count, **_rate(8.0 * count, lambda: scale(a), 3 if quick else 20)}
