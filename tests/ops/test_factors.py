"""Adjoint factors: the two ways to a Gram matrix, and which of them is taken."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from transjet.ops._factors import LayerFactors, _factored_block, _symmetric, assemble_rows, is_factored_cheaper


def factors(streams: int, n: int, fan_in: int, fan_out: int) -> LayerFactors:
    rng = np.random.default_rng(streams)
    shapes = (streams, n, fan_in), (streams, n, fan_out)
    return LayerFactors(*(jnp.asarray(rng.integers(-3, 4, s), jnp.float32) for s in shapes))


@pytest.mark.parametrize(
    ("streams", "n", "fan_in", "fan_out"), [(1, 3, 2, 5), (2, 7, 4, 1), (5, 1, 3, 3), (3, 0, 2, 2)]
)
def test_inner_products_of_factors_are_those_of_rows(streams: int, n: int, fan_in: int, fan_out: int) -> None:
    layer = factors(streams, n, fan_in, fan_out)
    rows = np.asarray(assemble_rows(layer))
    assert rows.shape == (n, fan_in * fan_out)
    everything = slice(0, n)
    # Whole numbers: equality is exact.
    np.testing.assert_array_equal(_factored_block(layer, everything, everything), rows @ rows.T)


def test_wide_layers_with_few_streams_stay_factored() -> None:
    assert is_factored_cheaper(factors(2, 100, 64, 64), 100)
    assert not is_factored_cheaper(factors(2, 100, 64, 1), 100)
    assert not is_factored_cheaper(factors(12, 100, 64, 64), 100)


@pytest.mark.parametrize("n", [0, 1, 255, 256, 257, 514])
def test_symmetric_matrices_come_from_their_upper_blocks(n: int) -> None:
    a = np.random.default_rng(n).integers(-9, 10, (n, 3)).astype(np.float32)
    areas = []

    def block(rows: slice, columns: slice) -> jnp.ndarray:
        areas.append((rows.stop - rows.start) * (columns.stop - columns.start))
        return jnp.asarray(a[rows] @ a[columns].T)

    result = np.asarray(_symmetric(block, n))
    np.testing.assert_array_equal(result, a @ a.T)
    if n >= 256:
        assert sum(areas) < 0.65 * n * n
