"""Work on many points in chunks of one size, one after the other, so that working memory stays that of one chunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array
Run = Callable[[int, Sequence[Array]], tuple[list[Array], list[Array]]]


def run_in_chunks(count: int, chunk: int, arrays: Sequence[Array], run: Run) -> tuple[list[Array], list[Array]]:
    """Run on chunks of points; no point is padded.

    Args:
        count: number of points, one or more.
        chunk: the most that are worked on at once.
        arrays: with a leading axis of points each.
        run: `(points, their part of the arrays) -> (results with a leading axis of points, results to be added up)`.

    Returns:
        The first joined and the second added up, in the order of the chunks.
    """
    if count <= chunk:
        return run(count, arrays)
    whole, rest = divmod(count, chunk)
    stacked = [a[: whole * chunk].reshape(whole, chunk, *a.shape[1:]) for a in arrays]
    start = [
        jnp.zeros(total.shape, total.dtype) for total in jax.eval_shape(lambda a: run(chunk, a), _first(stacked))[1]
    ]

    def step(sums: list[Array], part: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        joined, added = run(chunk, part)
        return [a + b for a, b in zip(sums, added, strict=True)], joined

    sums, parts = jax.lax.scan(step, start, stacked)
    joined = [p.reshape(whole * chunk, *p.shape[2:]) for p in parts]
    if rest == 0:
        return joined, sums
    last, added = run(rest, [a[whole * chunk :] for a in arrays])
    return (
        [jnp.concatenate(pair) for pair in zip(joined, last, strict=True)],
        [a + b for a, b in zip(sums, added, strict=True)],
    )


def _first(stacked: Sequence[Any]) -> list[jax.ShapeDtypeStruct]:
    return [jax.ShapeDtypeStruct(a.shape[1:], a.dtype) for a in stacked]
