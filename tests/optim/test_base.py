"""What every optimiser has in common."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from transjet.optim.base import add_scaled, all_finite, root_mean_square, where

TREE = {"a": (jnp.array([1.0, 2.0]), jnp.array(3.0)), "b": jnp.zeros((0, 2))}


def test_root_mean_square() -> None:
    np.testing.assert_allclose(root_mean_square(jnp.array([3.0, -4.0, 0.0, 0.0])), 2.5)


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf, -jnp.inf])
def test_one_number_decides_whether_all_are_finite(bad: float) -> None:
    assert bool(all_finite(TREE))
    assert not bool(all_finite(TREE | {"c": jnp.array([0.0, bad])}))


def test_where_takes_all_or_nothing() -> None:
    other = add_scaled(TREE, 1.0, TREE)
    for condition, expected in ((True, TREE), (False, other)):
        chosen = where(jnp.array(condition), TREE, other)
        np.testing.assert_array_equal(chosen["a"][0], expected["a"][0])
        np.testing.assert_array_equal(chosen["a"][1], expected["a"][1])


def test_add_scaled() -> None:
    result = add_scaled(TREE, -0.5, TREE)
    np.testing.assert_array_equal(result["a"][0], [0.5, 1.0])
    np.testing.assert_array_equal(result["a"][1], 1.5)
    assert result["b"].shape == (0, 2)
