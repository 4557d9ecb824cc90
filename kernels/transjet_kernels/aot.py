"""Ahead-of-time compilation: from one launch of a plan to a cubin, without a GPU and without PyTorch.

Triton is imported when something is compiled, and only then. What comes out is a `Binary`: the machine code and all
that is needed to launch it.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

TARGETS = (80, 90, 100)
"""Compute capabilities that are compiled for unless others are named: A100, H100, B200."""

_WARP = 32
_ALIGNED = [["tt.divisibility", 16]]
_LETTERS = {"i32": "i", "i64": "l", "fp32": "f", "fp64": "d"}
_TYPES = {"p": ("u64", "b64"), "i": ("u32", "b32"), "l": ("u64", "b64"), "f": ("f32", "b32"), "d": ("f64", "b64")}


class CompilationError(RuntimeError):
    """A kernel cannot be compiled here, or has come out as something that the launcher does not know."""


class KernelLaunch(Protocol):
    """What is read of a plan's launch."""

    @property
    def module(self) -> str:
        """Module of the kernel."""

    @property
    def function(self) -> str:
        """Name of the kernel in its module."""

    @property
    def constants(self) -> Sequence[tuple[str, Any]]:
        """Parameters that are compiled in."""

    @property
    def num_warps(self) -> int:
        """Warps of a block."""

    @property
    def num_stages(self) -> int:
        """Stages of software pipelining."""


@dataclass(frozen=True)
class Binary:
    """A compiled kernel.

    Attributes:
        cubin: machine code.
        entry: name of the function in it.
        layout: a letter per parameter: p buffer, i int32, l int64, f float32, d float64, 0 a pointer that is null.
        shared_bytes: dynamic shared memory of a block.
        threads: of a block.
        target: compute capability that it was compiled for, 90 for 9.0.
        triton: version that compiled it.
        source: the kernel, its constants and its options, in words.
    """

    cubin: bytes
    entry: str
    layout: str
    shared_bytes: int
    threads: int
    target: int
    triton: str
    source: str


def triton_version() -> str | None:
    """Version of the installed Triton, None where there is none. Does not import it."""
    if importlib.util.find_spec("triton") is None:
        return None
    try:
        return metadata.version("triton")
    except metadata.PackageNotFoundError:
        return "unknown"


@cache
def sources_digest() -> str:
    """Digest of all files of kernels: a binary of other sources is of no use."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def describe(launch: KernelLaunch, signature: Mapping[str, str], target: int) -> str:
    """The kernel, its constants, options and target, as one line of JSON that tells binaries apart."""
    words = {
        "kernel": f"{launch.module}:{launch.function}",
        "signature": list(signature.items()),
        "constants": sorted([name, value] for name, value in launch.constants),
        "num_warps": launch.num_warps,
        "num_stages": launch.num_stages,
        "target": target,
    }
    return json.dumps(words, sort_keys=True)


def key_of(description: str) -> str:
    """Name of a binary: digest of its description and of the sources."""
    return hashlib.sha256(f"{description}\n{sources_digest()}".encode()).hexdigest()


def compile_launch(launch: KernelLaunch, signature: Mapping[str, str], target: int) -> Binary:
    """Compile the kernel of a launch.

    Args:
        launch: names the kernel, its constants and its options.
        signature: parameter -> "*fp32", "*fp64", "*i32", "i32", "i64", "fp32", "fp64" or "constexpr", in order.
        target: compute capability, 90 for 9.0.

    Returns:
        The binary.

    Raises:
        CompilationError: Triton is not installed, or fails, or compiles to something unknown.
    """
    version = triton_version()
    if version is None:
        raise CompilationError("triton is not installed")
    try:
        function = getattr(importlib.import_module(launch.module), launch.function)
        compiled = _compile(function, launch, signature, target)
    except CompilationError:
        raise
    except Exception as error:  # whatever the compiler of another project raises
        reason = f"{type(error).__name__}: {error}"
        raise CompilationError(
            f"triton {version} cannot compile {launch.function} for sm_{target}: {reason}"
        ) from error
    return _binary(compiled, version, describe(launch, signature, target), signature, target)


def _compile(function: Any, launch: KernelLaunch, signature: Mapping[str, str], target: int) -> Any:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    if list(signature) != list(function.arg_names):
        raise CompilationError(f"{launch.function} takes {function.arg_names}, its signature names {list(signature)}")
    pointers = [index for index, kind in enumerate(signature.values()) if kind.startswith("*")]
    source = ASTSource(
        function,
        signature=dict(signature),
        constexprs=dict(launch.constants),
        attrs={(index,): _ALIGNED for index in pointers},
    )
    options = {"num_warps": launch.num_warps, "num_stages": launch.num_stages, "enable_fp_fusion": True}
    with triton.knobs.compilation.scope():
        # Lines of source would be most of a cubin, and would tell in which folder they were.
        triton.knobs.compilation.disable_line_info = True
        return triton.compile(source, target=GPUTarget("cuda", target, _WARP), options=options)


def _binary(compiled: Any, version: str, description: str, signature: Mapping[str, str], target: int) -> Binary:
    facts = compiled.metadata
    unsupported = ("global_scratch_size", "profile_scratch_size", "launch_cooperative_grid", "launch_pdl")
    wrong = [name for name in unsupported if getattr(facts, name, 0)] + ["num_ctas"] * (facts.num_ctas != 1)
    if wrong:
        raise CompilationError(f"{facts.name}: the launcher does not know kernels with {', '.join(wrong)}")
    layout = layout_of(compiled.asm["ptx"], facts.name, signature)
    threads = _WARP * facts.num_warps
    return Binary(compiled.asm["cubin"], facts.name, layout, facts.shared, threads, target, version, description)


def layout_of(ptx: str, entry: str, signature: Mapping[str, str]) -> str:
    """What a compiled kernel takes: its own parameters, and after them pointers that Triton has added.

    How many of those there are depends on Triton's version; the entry of the PTX tells.

    Args:
        ptx: text of the compiled module.
        entry: name of the kernel in it.
        signature: as for `compile_launch`.

    Returns:
        A letter per parameter, see `Binary`.

    Raises:
        CompilationError: the entry does not take the parameters of the signature.
    """
    kinds = [kind for kind in signature.values() if kind != "constexpr"]
    wanted = "".join("p" if kind.startswith("*") else _LETTERS.get(kind, "?") for kind in kinds)
    found = re.search(rf"\.entry\s+{re.escape(entry)}\s*\(([^)]*)\)", ptx)
    types = re.findall(r"\.param\s+\.(\w+)", found[1]) if found else []
    own, added = types[: len(wanted)], types[len(wanted) :]
    fits = len(own) == len(wanted) and all(t in _TYPES.get(letter, ()) for t, letter in zip(own, wanted, strict=True))
    if not fits or any(t not in _TYPES["p"] for t in added):
        raise CompilationError(f"{entry}: expected parameters {kinds} and pointers after them, its PTX has {types}")
    return wanted + "0" * len(added)
