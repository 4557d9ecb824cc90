"""The environment report: what runs here, on what, and why a backend does or does not."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from transjet.backend.ffi import core_status
from transjet.backend.registry import BACKENDS, availability

REQUIRED = ("transjet", "jax", "jaxlib", "numpy", "optax", "jaxtyping")
OPTIONAL = ("diffrax", "ott-jax", "matplotlib", "rich", "triton")
_PREFIXES = ("TRANSJET_", "JAX_", "XLA_", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "TRITON_")
_SIMD_X86 = ("sse2", "avx", "fma", "avx2", "avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512_bf16")
_SIMD_ARM = ("asimd", "asimdhp", "sve", "sve2", "bf16")


def simd_features(cpuinfo: str) -> list[str]:
    """The instruction sets that matter to the kernels, among the flags of the first processor.

    Args:
        cpuinfo: text of Linux's `/proc/cpuinfo`.

    Returns:
        Names as Linux spells them, in rising order; empty where the text names none.
    """
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            flags = set(value.split())
            return [name for name in _SIMD_X86 + _SIMD_ARM if name in flags]
    return []


def _cpu() -> dict[str, Any]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    return {"machine": platform.machine(), "cores": os.cpu_count(), "simd": simd_features(text)}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _devices() -> dict[str, Any]:
    """What JAX sees. A platform that cannot start is part of the report, not the end of it."""
    try:
        found = [f"{device.id}: {device.device_kind} ({device.platform})" for device in jax.devices()]
        return {"platform": jax.default_backend(), "devices": found}
    except RuntimeError as error:
        return {"platform": "none", "devices": [], "error": str(error)}


def collect() -> dict[str, Any]:
    """Gather the report. Starts JAX's devices if nothing has yet.

    Returns:
        Plain values, ready for JSON, under the keys versions, cpu, jax, core, backends and environment.
    """
    core = core_status()
    packages = {name: _version(name) for name in REQUIRED + OPTIONAL}
    states = [availability(name) for name in BACKENDS]
    return {
        "versions": {"python": platform.python_version()} | packages,
        "cpu": _cpu(),
        "jax": _devices() | {"x64": bool(jax.config.read("jax_enable_x64"))},
        "core": {"available": core.available, "reason": core.reason} | _plain(core.build) | _simd(core.simd),
        "backends": {s.name: {"available": s.available, "reason": s.reason} for s in states},
        "environment": {key: os.environ[key] for key in sorted(os.environ) if key.startswith(_PREFIXES)},
    }


def _simd(simd: Mapping[str, Any]) -> dict[str, Any]:
    return {"simd kernels": f"{simd['selected']} (of {', '.join(simd['supported'])})"} if simd else {}


def _plain(build: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in build.items()}


def _lines(report: Mapping[str, Any], indent: int) -> Iterator[str]:
    width = max((len(str(key)) for key in report), default=0)
    for key, value in report.items():
        head = " " * indent + str(key).ljust(width)
        if isinstance(value, Mapping) and set(value) == {"available", "reason"}:
            yield f"{head}  {'yes' if value['available'] else 'no '}  {value['reason']}"
        elif isinstance(value, Mapping):
            yield head.rstrip()
            yield from _lines(value, indent + 2) if value else [" " * (indent + 2) + "none"]
        elif isinstance(value, list):
            yield f"{head}  {', '.join(map(str, value)) or 'none'}"
        else:
            yield f"{head}  {value}"


def render(report: Mapping[str, Any]) -> str:
    """Lay the report out for a terminal.

    Args:
        report: what `collect` returns.

    Returns:
        Lines without trailing newline.
    """
    return "\n".join(_lines(report, 0))
