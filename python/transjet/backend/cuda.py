"""The cuda backend: which operations the core's kernels for NVIDIA GPUs serve. Never run on a GPU.

Operands and results are those of the cpu backend's handlers; the last result is the working memory of a call, so that
XLA allots it and gives it back.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from transjet.backend import ffi
from transjet.backend.compiled import JETS, Calls, refuses_dtypes, term_sizes
from transjet.backend.registry import Kernel, Request, register_kernel, register_probe

PRODUCTS = ("gauss_newton", "gram")


# --- what is here -----------------------------------------------------------------------------------------------------


@functools.cache
def device() -> tuple[str, int] | None:
    """Kind and compute capability, 90 for 9.0, of the first NVIDIA GPU that JAX has; None where there is none."""
    try:
        found = jax.devices("cuda")[0]
    except RuntimeError:
        return None
    major, minor = str(found.compute_capability).split(".")
    return str(found.device_kind), 10 * int(major) + int(minor)


def runs_on(architectures: str, capability: int) -> bool:
    """Whether code for these architectures, as CMake spells them, runs on a GPU.

    Machine code runs on GPUs of the same major and no lower minor version, PTX on all that are no older.
    """
    for text, kind in re.findall(r"(\d+)[af]?(-real|-virtual)?", architectures):
        built = int(text)
        same = built // 10 == capability // 10
        if built <= capability and (same or kind != "-real"):
            return True
    return False


def _probe() -> tuple[bool, str]:
    core = ffi.core_status()
    if not core.available:
        return False, core.reason
    build = core.build["cuda"]
    if not build["compiled"]:
        return False, f"the compiled core has no CUDA kernels: {build['reason']}"
    found = device()
    if found is None:
        return False, "there is no NVIDIA GPU that JAX can use"
    kind, capability = found
    if not runs_on(build["architectures"], capability):
        where = f"{kind}, compute capability {capability / 10}"
        return False, f"the compiled core has CUDA kernels for {build['architectures']}, this is {where}"
    return True, f"{build['reason']}, {kind}"


# --- what it serves ---------------------------------------------------------------------------------------------------


def _refuses(request: Request) -> str | None:
    wrong = refuses_dtypes(request)
    if wrong is not None:
        return wrong
    if getattr(request.static, "cached", False):
        return "does not read kept factors"
    most = ffi.cuda_max_layers()
    deepest = max(len(widths) - 1 for _, _, widths, *_ in term_sizes(request))
    return f"serves networks of up to {most} affine layers, got {deepest}" if deepest > most else None


def workspace_bytes(request: Request, target: str, attrs: dict[str, Any]) -> int:
    """Working memory of a call, from sizes alone."""
    x = request.avals[0]
    options = {"precise": attrs.get("precise", False), "vectors": attrs.get("vectors", 1)}
    return ffi.cuda_workspace_bytes(
        target, str(x.dtype), request.precision, points=x.shape[0], terms=term_sizes(request), **options
    )


def _invoke(
    request: Request, target: str, results: list[Any], operands: Sequence[Any], attrs: dict[str, Any]
) -> list[Any]:
    given = {name: value for name, value in attrs.items() if name != "factor_bytes"}  # there are none
    given |= {"precision": request.precision, "workspace": workspace_bytes(request, target, attrs)}
    workspace = jax.ShapeDtypeStruct((given["workspace"],), jnp.uint8)
    out: list[Any] = ffi.call(target, [*results, workspace], *operands, **given)
    return out[:-1]


_calls = Calls(_invoke)
register_probe("cuda", _probe)
for _product in PRODUCTS:
    register_kernel(Kernel(_product, "forward", "cuda", getattr(_calls, _product), _refuses))
for _jet in JETS:
    for _role in ("forward", "tangent", "cotangent"):
        register_kernel(Kernel(_jet, _role, "cuda", getattr(_calls, _role), _refuses))
