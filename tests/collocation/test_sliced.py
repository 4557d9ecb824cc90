"""Points that share their times in slices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.collocation import Sliced, UniformBox
from transjet.errors import ConfigError

BOX = UniformBox((-1.0, -2.0), (1.0, 2.0))
ZERO = jnp.zeros(())


def test_slices_have_one_time_each_and_hold_the_points_of_the_base() -> None:
    key, n, m = jax.random.key(0), 60, 6
    points = Sliced(BOX, m).draw(key, (), n, ZERO, jnp.float32)
    base = BOX.draw(key, (), n, ZERO, jnp.float32)
    order = np.argsort(base.t)
    np.testing.assert_array_equal(points.x, np.asarray(base.x)[order])
    times = np.asarray(points.t).reshape(m, n // m)
    assert (times == times[:, :1]).all()
    assert (np.diff(times[:, 0]) > 0).all()
    sorted_times = np.asarray(base.t)[order].reshape(m, n // m)
    assert (times >= sorted_times.min(axis=1, keepdims=True)).all()
    assert (times <= sorted_times.max(axis=1, keepdims=True)).all()


def test_points_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected a multiple of 7 points; got 60"):
        Sliced(BOX, 7).draw(jax.random.key(0), (), 60, ZERO, jnp.float32)
    with pytest.raises(ConfigError, match="slices: expected at least 1"):
        Sliced(BOX, 0)
