"""Timing one request on cuda and on triton, with every tuning of Triton's kernels that is worth a try."""

from __future__ import annotations

import dataclasses
import datetime
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from transjet.backend import rates
from transjet.backend.registry import Request
from transjet.backend.select import choose
from transjet.errors import BackendError

WARM_UP, CALLS = 3, 5


@dataclass(frozen=True)
class Timing:
    """How long a request took on a backend.

    Attributes:
        milliseconds: of one call, the median; None where it cannot run.
        reason: why it cannot, else empty.
        tuning: of Triton's kernels, where they were tuned.
    """

    milliseconds: float | None
    reason: str = ""
    tuning: dict[str, int] | None = None


def require_device() -> str:
    """Kind of the GPU that will be measured.

    Raises:
        BackendError: there is none.
    """
    kind = rates.device()
    if kind is None:
        platforms = ", ".join(sorted({device.platform for device in jax.devices()}))
        raise BackendError(
            f"tune: expected an NVIDIA GPU that JAX can use, got {platforms}. Run it on a machine with a GPU and with "
            "the extra 'gpu' installed; `transjet info` shows what JAX sees"
        )
    return kind


def timed(run: Callable[..., Any], operands: Sequence[Any], repeats: int) -> float:
    """Milliseconds of one call on the first GPU: the median of several rows of calls, after a warm-up.

    Args:
        run: traced and compiled once, outside the time.
        operands: its arrays.
        repeats: rows of calls; their number does not change what is measured, only how well.
    """
    given = jax.device_put(list(operands), jax.devices("cuda")[0])
    program = jax.jit(run).lower(*given).compile()
    jax.block_until_ready([program(*given) for _ in range(WARM_UP)])
    samples = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready([program(*given) for _ in range(CALLS)])
        samples.append((time.perf_counter() - start) / CALLS)
    return 1e3 * statistics.median(samples)


def measure(request: Request, operands: Sequence[Any], repeats: int, limit: int | None = None) -> dict[str, Timing]:
    """Time a request on cuda and on triton.

    Args:
        request: for the platform cuda.
        operands: its arrays.
        repeats: see `timed`.
        limit: at most so many tunings of Triton's kernels, the default first; None: no limit.

    Returns:
        A timing for "cuda" and one for "triton", that of the best tuning.
    """
    return {"cuda": _on("cuda", request, operands, repeats), "triton": _tuned(request, operands, repeats, limit)}


def row_of(request: Request, kind: str, timings: dict[str, Timing]) -> rates.Row | None:
    """The row for the table; None where neither backend could run."""
    sizes, cuda, triton = rates.sizes_of(request), timings["cuda"], timings["triton"]
    if sizes is None or (cuda.milliseconds is None and triton.milliseconds is None):
        return None
    today = datetime.date.today().isoformat()
    return rates.Row(kind, sizes, cuda.milliseconds, triton.milliseconds, triton.tuning, today)


def _on(backend: str, request: Request, operands: Sequence[Any], repeats: int) -> Timing:
    """The time on a backend as it is, or the words of whoever refused."""
    try:
        kernel = choose(request, backend).kernel
        if kernel is None:
            return Timing(None, f"{backend} has no kernel")
        return Timing(timed(lambda *a: kernel.run(request, *a), operands, repeats))
    except (BackendError, jax.errors.JaxRuntimeError) as error:
        return Timing(None, str(error).splitlines()[0])


def _tuned(request: Request, operands: Sequence[Any], repeats: int, limit: int | None) -> Timing:
    """The time with the best tuning."""
    try:
        choose(request, "triton")
    except BackendError as error:
        return Timing(None, str(error))
    from transjet.backend.triton_run import candidates_of

    def attempt(tuning: dict[str, int]) -> Timing:
        with rates.forced(tuning):
            return dataclasses.replace(_on("triton", request, operands, repeats), tuning=tuning)

    best = search(candidates_of(request), attempt, limit)
    return best if best.milliseconds is not None else Timing(None, best.reason)


def search(
    candidates: Sequence[dict[str, int]], attempt: Callable[[dict[str, int]], Timing], limit: int | None
) -> Timing:
    """The best of the tunings tried: the first, then those that differ from the best so far in one setting only.

    Compilation takes most of the time, and one setting after the other takes a third of what all combinations would.

    Args:
        candidates: all combinations that may be tried.
        attempt: times one. One that needs more than the device has fails, and is passed over.
        limit: at most so many attempts; None: no limit.
    """
    best = attempt(candidates[0])
    tried = [candidates[0]]
    for name in candidates[0]:
        start = best.tuning or candidates[0]
        for tuning in candidates:
            differs = [key for key in tuning if tuning[key] != start[key]] == [name]
            if differs and tuning not in tried and (limit is None or len(tried) < limit):
                tried.append(tuning)
                found = attempt(tuning)
                if found.milliseconds is not None and (
                    best.milliseconds is None or found.milliseconds < best.milliseconds
                ):
                    best = found
    return best
