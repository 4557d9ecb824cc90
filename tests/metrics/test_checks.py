from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError, DTypeError, ShapeError, TargetError
from transjet.metrics import _checks


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int32"])
def test_real_numbers_of_any_kind_become_float64(dtype):
    array = _checks.real_array(jnp.ones((2, 3), dtype), "x")
    assert array.dtype == np.float64 and array.tolist() == [[1.0] * 3] * 2


@pytest.mark.parametrize("value", [["a"], [True], [1j], [None], [object()], np.zeros(2, "datetime64[s]")])
def test_other_things_are_refused(value):
    with pytest.raises(DTypeError, match="x must hold real numbers"):
        _checks.real_array(value, "x")


def test_shares_are_normalised_without_overflow():
    np.testing.assert_allclose(_checks.shares([1000.0, 1000.0 + np.log(3.0)], 2), [0.25, 0.75])
    np.testing.assert_allclose(_checks.shares([-2000.0, -np.inf, -2000.0], 3), [0.5, 0.0, 0.5])
    assert _checks.shares(None, 4).tolist() == [0.25] * 4


def test_points_name_the_first_bad_row():
    with pytest.raises(TargetError, match=r"NaN or infinity in 2 of 5 rows, first in row 1"):
        _checks.points([[0.0], [np.nan], [1.0], [np.inf], [2.0]])


@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, "1", True, None, 1j])
def test_positive_numbers(value):
    with pytest.raises(ConfigError, match="epsilon must be a positive, finite number"):
        _checks.positive(value, "epsilon")


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", True, None])
def test_positive_integers(value):
    with pytest.raises(ConfigError, match="size must be a positive integer"):
        _checks.positive_int(value, "size")


def test_pairs_must_agree():
    with pytest.raises(ShapeError, match="same dimension, got 2 and 3"):
        _checks.pair(np.zeros((4, 2)), np.zeros((4, 3)))
