"""The triton backend: which operations Triton's kernels serve. `triton_run` runs them. Never run on a GPU.

Neither Triton nor the package of kernels is imported before a program for NVIDIA GPUs is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transjet.backend import ffi, triton_binaries
from transjet.backend.registry import Kernel, Request, register_kernel, register_probe
from transjet.errors import BackendError

JETS = ("gradient_jet", "laplacian_jet", "divergence_jet")


def _probe() -> tuple[bool, str]:
    """There must be the core, kernels from somewhere, and a driver or the name of a GPU to compile for."""
    core = ffi.core_status()
    if not core.available:
        return False, core.reason
    available, kernels = triton_binaries.kernels_status()
    try:
        target = triton_binaries.named_target()
    except BackendError as error:
        return False, str(error)
    has_driver, driver = (True, f"for sm_{target} elsewhere") if target else ffi.cuda_driver()
    if not has_driver:
        return False, driver
    return available, f"{kernels}, {driver}" if available else kernels


def _refuses(request: Request) -> str | None:
    from transjet.backend import triton_run

    return triton_run.refuses(request)


def _lazily(name: str) -> Callable[..., list[Any]]:
    def run(request: Request, *operands: Any) -> list[Any]:
        from transjet.backend import triton_run

        results: list[Any] = getattr(triton_run, name)(request, *operands)
        return results

    return run


register_probe("triton", _probe)
for _product in ("gauss_newton", "gram"):
    register_kernel(Kernel(_product, "forward", "triton", _lazily(_product), _refuses))
for _jet in JETS:
    for _role in ("forward", "tangent", "cotangent"):
        register_kernel(Kernel(_jet, _role, "triton", _lazily(_role), _refuses))
