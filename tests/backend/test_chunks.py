"""Work in chunks of points."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.backend.chunks import run_in_chunks

Array = jax.Array


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (4, [4]), (5, [4, 1]), (8, [4]), (11, [4, 3])])
def test_results_are_joined_and_sums_added_up(count: int, sizes: list[int]) -> None:
    x, y = jnp.arange(3.0 * count).reshape(count, 3), jnp.arange(float(count)) ** 2
    traced = []

    def run(points: int, parts: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        a, b = parts
        assert a.shape == (points, 3) and b.shape == (points,)
        traced.append(points)
        return [a * b[:, None], b], [a.sum(0), (a * b[:, None]).sum()]

    joined, sums = jax.jit(lambda *a: run_in_chunks(count, 4, a, run))(x, y)
    np.testing.assert_array_equal(joined[0], x * y[:, None])
    np.testing.assert_array_equal(joined[1], y)
    np.testing.assert_allclose(sums[0], x.sum(0), rtol=1e-6)
    np.testing.assert_allclose(sums[1], (x * y[:, None]).sum(), rtol=1e-6)
    assert set(traced) == set(sizes)  # whole chunks are traced as one, in a loop


def test_there_may_be_nothing_to_join_or_to_add() -> None:
    x = jnp.arange(7.0)
    assert run_in_chunks(7, 3, [x], lambda n, parts: ([], []))[0] == []
    joined, sums = run_in_chunks(7, 3, [x], lambda n, parts: ([parts[0]], []))
    np.testing.assert_array_equal(joined[0], x)
    assert sums == []


def test_sums_keep_their_dtype(x64: None) -> None:
    x = jnp.arange(7, dtype=jnp.float32)
    _, (total,) = run_in_chunks(7, 3, [x], lambda n, parts: ([], [parts[0].astype(jnp.float64).sum()]))
    assert total.dtype == jnp.float64 and float(total) == 21
