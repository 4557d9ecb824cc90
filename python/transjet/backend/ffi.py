"""The seam to the compiled core: the only module that imports `transjet._core`.

XLA accepts a handler only if it was built against FFI headers of the same major version and no newer minor
one than the running jaxlib's. This module compares the two when it is imported, so that a misfit shows as a
sentence and not as an XLA status in the middle of a compilation. A checkout without the compiled core imports
all the same; the status then says why the core is missing.
"""

from __future__ import annotations

import importlib
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import jax
from jaxlib.version import __version__ as _JAXLIB

from transjet.errors import BackendError

ApiVersion = tuple[int, int]
"""Major and minor version of the XLA FFI."""

SIMD_VARIABLE = "TRANSJET_SIMD"
"""Environment variable that forces an instruction set of the cpu kernels, read when transjet is imported."""

_HEADER = "xla/ffi/api/c_api.h"
_BUILD = "`pip install .` in a checkout builds it"
_REBUILD = "`pip install --no-build-isolation --no-deps --force-reinstall .` in a checkout rebuilds it"


class CoreStatus(NamedTuple):
    """Whether the compiled core can be used in this process.

    Attributes:
        available: whether its kernels can be called.
        reason: why (not), as a sentence fragment.
        build: what the core says about its build; empty where there is none.
        simd: instruction sets of its kernels: those "supported" here, best first, and the one "selected".
    """

    available: bool
    reason: str
    build: Mapping[str, Any]
    simd: Mapping[str, Any] = {}


def parse_api_version(header: str) -> ApiVersion:
    """Read the version macros of XLA's C header.

    Args:
        header: text of `xla/ffi/api/c_api.h`.

    Returns:
        Major and minor version.

    Raises:
        BackendError: the text defines no version.
    """
    found = dict(re.findall(r"^#define XLA_FFI_API_(MAJOR|MINOR) (\d+)", header, flags=re.MULTILINE))
    if len(found) != 2:
        raise BackendError(
            f"expected XLA_FFI_API_MAJOR and XLA_FFI_API_MINOR in jaxlib's {_HEADER}, "
            f"got {sorted(found) or 'neither'}. Reinstall jaxlib"
        )
    return int(found["MAJOR"]), int(found["MINOR"])


def running_api_version() -> ApiVersion:
    """Version of the XLA FFI in the running jaxlib, from the headers that it ships.

    Raises:
        BackendError: this jaxlib ships no readable header.
    """
    path = Path(jax.ffi.include_dir()) / _HEADER
    try:
        return parse_api_version(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BackendError(f"jaxlib {_JAXLIB} ships no {_HEADER} ({error}). Reinstall jaxlib") from error


def check_api_version(built: ApiVersion, running: ApiVersion, built_with: str) -> None:
    """Check that XLA will accept handlers built against `built`.

    Args:
        built: FFI version of the headers that the core was built against.
        running: FFI version of the running jaxlib.
        built_with: version of the jaxlib that the headers came from.

    Raises:
        BackendError: the major versions differ, or the core's minor version is newer.
    """
    if built[0] == running[0] and built[1] <= running[1]:
        return
    raise BackendError(
        f"the compiled core of transjet needs XLA FFI {built[0]}.{built[1]} (that of jaxlib {built_with}), "
        f"the running jaxlib {_JAXLIB} has {running[0]}.{running[1]}; the major versions must agree and the "
        f"core's minor version must not be newer. {_REBUILD} against the running jaxlib; or install jaxlib "
        f"{built_with}"
    )


def import_core() -> ModuleType:
    """Import the compiled extension module.

    Raises:
        ImportError: it is missing or cannot be loaded.
    """
    return importlib.import_module("transjet._core")


class Core:
    """The compiled core, or the reason why there is none.

    Args:
        load: imports the extension module.
        running: tells the running jaxlib's FFI version.
        register_target: `(name, capsule, platform)`, makes a handler known to XLA.

    Raises:
        BackendError: the core is there, but was built for another jaxlib.
    """

    def __init__(
        self,
        load: Callable[[], Any] = import_core,
        running: Callable[[], ApiVersion] = running_api_version,
        register_target: Callable[[str, Any, str], None] = jax.ffi.register_ffi_target,
    ) -> None:
        self._register_target = register_target
        self._lock = threading.Lock()
        self._registered = False
        self.targets: Mapping[str, Mapping[str, Any]] = {}
        self.module: Any = None
        try:
            module = load()
        except ImportError as error:
            self.status = CoreStatus(False, _why_missing(error), {})
            return
        build = dict(module.build_info())
        try:
            version = running()
        except BackendError as error:
            self.status = CoreStatus(False, str(error), build)
            return
        check_api_version(build["ffi_api_version"], version, build["jaxlib"])
        self.module = module
        self.targets = module.registrations()
        self.select_simd = module.select_simd
        self.factor_bytes = module.factor_bytes
        self.simd = module.simd
        self._choose_simd(os.environ.get(SIMD_VARIABLE, ""))
        self.status = CoreStatus(True, f"compiled core {build['version']}, {build['compiler']}", build, self.simd())

    def _choose_simd(self, name: str) -> None:
        if not self.select_simd(name):
            raise BackendError(
                f"environment variable {SIMD_VARIABLE}: expected one of {', '.join(self.simd()['supported'])}, which "
                f"this processor and this build have; got {name!r}"
            )

    def register(self) -> None:
        """Make all handlers known to XLA; the second and later calls do nothing.

        Raises:
            BackendError: there is no compiled core.
        """
        if not self.status.available:
            raise BackendError(f"a compiled kernel was called, but {self.status.reason}")
        with self._lock:
            if self._registered:
                return
            for name, handlers in self.targets.items():
                for platform, capsule in handlers.items():
                    self._register_target(name, capsule, platform)
            self._registered = True

    def call(
        self,
        name: str,
        result_avals: Any,
        operands: Sequence[Any],
        attrs: Mapping[str, Any],
        aliases: Mapping[int, int] | None = None,
    ) -> Any:
        """See the function `call`."""
        self.register()
        if name not in self.targets:
            known = ", ".join(sorted(self.targets))
            raise BackendError(f"expected a target of the compiled core ({known}), got {name!r}. {_REBUILD}")
        return jax.ffi.ffi_call(name, result_avals, input_output_aliases=dict(aliases or {}))(*operands, **attrs)


def _why_missing(error: ImportError) -> str:
    """Tell a core that was never built from one that is there and cannot be loaded."""
    if isinstance(error, ModuleNotFoundError) and error.name == "transjet._core":
        return f"the compiled core is not built; {_BUILD}"
    return f"the compiled core cannot be loaded ({error}); {_BUILD} anew"


_core = Core()


def core_status() -> CoreStatus:
    """Whether the compiled core can be used in this process, why (not), and what its build was."""
    return _core.status


def register() -> None:
    """Make all compiled handlers known to XLA, once. Touches no device.

    Raises:
        BackendError: there is no compiled core.
    """
    _core.register()


def factor_bytes(dtype: str, points: int, terms: Sequence[tuple[Any, ...]]) -> int:
    """Bytes of kept Jacobian factors, for terms as `transjet.backend.compiled.term_sizes` makes them."""
    return int(_core.factor_bytes(dtype, points, list(terms)))


def cuda_workspace_bytes(
    target: str,
    dtype: str,
    precision: str,
    *,
    precise: bool = False,
    points: int,
    vectors: int = 1,
    terms: Sequence[tuple[Any, ...]],
) -> int:
    """Bytes of working memory of a CUDA kernel, for terms as above. Only where the core has such kernels."""
    return int(_core.module.cuda_workspace_bytes(target, dtype, precision, precise, points, vectors, list(terms)))


def cuda_max_layers() -> int:
    """The most affine layers that a network may have for CUDA kernels. Only where the core has such kernels."""
    return int(_core.module.cuda_max_layers)


def cuda_driver() -> tuple[bool, str]:
    """Whether there is an NVIDIA driver, and a fragment of a sentence about it. Touches no device."""
    if not _core.status.available:
        return False, _core.status.reason
    available, reason = _core.module.cuda_driver()
    return bool(available), str(reason)


def register_kernel(name: str, cubin: bytes, entry: str, layout: str, shared_bytes: int, threads: int) -> None:
    """Make a compiled Triton kernel known to the handler "transjet_triton_launch"; a known name keeps its kernel.

    Raises:
        BackendError: there is no compiled core, or it cannot launch such a kernel.
    """
    _core.register()
    try:
        _core.module.register_kernel(name, cubin, entry, layout, shared_bytes, threads)
    except ValueError as error:
        raise BackendError(str(error)) from error


def launch(name: str, results: Sequence[Any], operands: Sequence[Any], aliases: Mapping[int, int], **attrs: Any) -> Any:
    """Call "transjet_triton_launch" for the kernel `name`; `aliases`: operand -> the result that starts as it."""
    attributes = {"kernel": name, **attrs}
    return _core.call("transjet_triton_launch", list(results), operands, attributes, aliases)


def call(name: str, result_avals: Any, *operands: Any, **attrs: Any) -> Any:
    """Call a compiled handler inside a traced function.

    Args:
        name: its target name, such as "transjet_null".
        result_avals: `jax.ShapeDtypeStruct` of the result, or a sequence of them.
        *operands: arrays, in the handler's order.
        **attrs: static attributes; Python's int, float and bool arrive as int64, double and bool.

    Returns:
        One array, or a list of them where `result_avals` is a sequence.

    Raises:
        BackendError: there is no compiled core, or it has no such handler.
    """
    return _core.call(name, result_avals, operands, attrs)
