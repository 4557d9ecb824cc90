"""One row: a draw, a method, a judgement."""

from __future__ import annotations

import math
import resource
import time
from typing import Any

import jax

from transjet.errors import TransjetError
from transjet.robust.budget import Budget
from transjet.robust.criteria import judge, succeeded
from transjet.robust.methods import Configure, run_method
from transjet.targets import Draw


def run_row(draw: Draw, method: str, budget: Budget, configure: Configure, seed: int = 0) -> dict[str, Any]:
    """Run a method on a draw and judge it.

    Args:
        draw: the target.
        method: a name that `run_method` knows.
        budget: of the row.
        configure: target -> configuration, for transjet.
        seed: of the method; the draw has its own.

    Returns:
        The row, all of JSON's types; with `error` where the method failed or its samples cannot be judged, which counts
        as no success.
    """
    began, wall = time.process_time(), time.time()
    row: dict[str, Any] = {"family": draw.family, "dim": draw.dim, "seed": draw.seed}
    try:
        target = draw.target()
        found, more = run_method(method, target, budget, configure, jax.random.key(seed))
        row |= more | judge(found, target)
        row["success"] = succeeded(row["passed"])
    except TransjetError as error:
        row |= {"error": f"{type(error).__name__}: {error}"[:300], "success": False}
    row |= {"seconds": time.process_time() - began, "wall_seconds": time.time() - wall}
    row["peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    plain: dict[str, Any] = _plain(row)
    return plain


def _plain(value: Any) -> Any:
    """For JSON: numbers that are not finite become None."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
