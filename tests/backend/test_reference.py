"""References in chunks: the same numbers whatever the chunk, and no trace of how they were cut."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.backend import Operation, reference
from transjet.backend.reference import merge, negate, pick


def operation(chunk: int | None) -> Operation:
    """Two results of a shared matrix w (2, 3) and points x (n, 2), y (n,)."""

    def run(static: float, w: Any, x: Any, y: Any) -> tuple[Any, ...]:
        return jnp.sin(x @ w) * static, y * jnp.sum(x * x, axis=1) * w[0, 0]

    if chunk is None:
        return Operation("some_op", run)
    return Operation("some_op", run, lambda static, count: (False, True, True), lambda static, operands: chunk)


def operands(n: int, seed: int = 0) -> tuple[jax.Array, ...]:
    rng = np.random.default_rng(seed)
    return tuple(jnp.asarray(rng.standard_normal(s)) for s in ((2, 3), (n, 2), (n,)))


@pytest.mark.parametrize("n", [0, 1, 7])
@pytest.mark.parametrize("chunk", [0, 3, 100])
def test_forward_tangent_and_cotangent_do_not_depend_on_the_chunk(chunk: int, n: int, x64: None) -> None:
    @jax.jit
    def everything(args: Any, tangents: Any) -> Any:
        results = []
        for op in (operation(chunk), operation(None)):
            out = reference.forward(op, 1.5, args)
            results.append([out])
            for wrt in ((True, True, True), (True, False, False), (False, True, True), (False, False, True)):
                results[-1].append(reference.tangent(op, 1.5, wrt, args, pick(tangents, wrt)))
                results[-1].append(reference.cotangent(op, 1.5, wrt, args, out))
        return results

    args = operands(n)
    cut, whole = everything(args, operands(n, 1))
    assert [a.shape for a in cut[2]] == [a.shape for a in args]
    for actual, expected in zip(cut, whole, strict=True):
        for a, e in zip(actual, expected, strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-13, atol=1e-13)


def test_no_more_points_than_a_chunk_are_seen_at_once(x64: None) -> None:
    seen = []

    def run(static: None, x: Any) -> tuple[Any]:
        seen.append(x.shape[0])
        return (2 * x,)

    op = Operation("some_op", run, lambda static, count: (True,), lambda static, operands: 4)
    x = jnp.arange(11.0)
    np.testing.assert_array_equal(reference.forward(op, None, [x])[0], 2 * x)
    assert set(seen) == {3, 4}


def test_pick_and_merge_are_inverse() -> None:
    values, mask = (1, "two", None, 4.0), (True, False, False, True)
    assert pick(values, mask) == (1, 4.0)
    assert merge(mask, pick(values, mask), pick(values, negate(mask))) == values
