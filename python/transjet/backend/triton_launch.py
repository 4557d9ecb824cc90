"""From a plan of launches to custom calls of XLA.

A plan's buffers become values: a launch takes those that it reads and returns those that it writes, so that XLA sees
every dependence, allots scratch memory and frees it when it was last used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from transjet.backend import ffi, triton_binaries

Array = jax.Array


def run(plan: Any, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Run a plan inside a traced function.

    Args:
        plan: with `buffer(name) -> (shape, dtype)` and `launches`, see `transjet_kernels.plan`.
        arrays: what is put into buffers before the first launch.

    Returns:
        What is in all buffers after the last one.

    Raises:
        BackendError: a kernel is neither there nor can be compiled.
    """
    values = dict(arrays)
    for launch in plan.launches:
        values |= _run_one(plan, launch, values)
    return values


def _run_one(plan: Any, launch: Any, values: Mapping[str, Array]) -> dict[str, Array]:
    signature = launch.signature(plan)
    name = triton_binaries.register(launch, signature)
    read = [p for p in launch.pointers if p.access != "out"]
    written = [p for p in launch.pointers if p.access != "in"]
    place = {p.parameter: i for i, p in enumerate(read)} | {p.parameter: len(read) + i for i, p in enumerate(written)}
    results = [jax.ShapeDtypeStruct(plan.buffer(p.buffer).shape, plan.buffer(p.buffer).dtype) for p in written]
    out = ffi.launch(
        name,
        results,
        [values[p.buffer] for p in read],
        {read.index(p): i for i, p in enumerate(written) if p.access == "inout"},
        grid=np.array(launch.grid, np.int64),
        order=np.array([place[name] for name, kind in signature.items() if kind.startswith("*")], np.int64),
        integers=_scalars(launch, signature, ("i32", "i64"), np.int64),
        reals=_scalars(launch, signature, ("fp32", "fp64"), np.float64),
    )
    return {p.buffer: array for p, array in zip(written, out, strict=True)}


def _scalars(launch: Any, signature: Mapping[str, str], kinds: tuple[str, ...], dtype: Any) -> np.ndarray:
    given = dict(launch.scalars)
    return np.array([given[name] for name, kind in signature.items() if kind in kinds], dtype)
