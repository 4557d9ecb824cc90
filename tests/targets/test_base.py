from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError, DTypeError, ShapeError, TargetError, TransjetError
from transjet.targets.base import Target, pointwise


def quadratic(x: jax.Array) -> jax.Array:
    return -0.5 * jnp.sum(x**2)


def make(**fields: object) -> Target:
    return Target(**{"name": "test", "dim": 3, "log_density": quadratic, **fields})


def test_arrays_become_read_only_float64_copies():
    mean = np.zeros(3, dtype=np.float32)
    target = make(mean=mean, std=[1, 2, 3], modes=[[0, 0, 0], [1, 1, 1]], mode_weights=[0.25, 0.75])
    mean[0] = 7.0
    assert target.mean.dtype == np.float64 and target.mean[0] == 0.0
    assert target.std.tolist() == [1.0, 2.0, 3.0]
    for array in (target.mean, target.std, target.modes, target.mode_weights):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0


def test_is_frozen_and_hashable_by_identity():
    target, twin = make(), make()
    with pytest.raises(dataclasses.FrozenInstanceError):
        target.name = "other"
    assert target == target and target != twin and len({target, twin}) == 2

    def evaluate(t: Target, x: jax.Array) -> jax.Array:
        return t.log_density(x)

    assert jax.jit(evaluate, static_argnums=0)(target, jnp.ones(3)) == -1.5


def test_numpy_integers_are_dimensions():
    assert type(make(dim=np.int64(3)).dim) is int


MALFORMED = {
    "name empty": ({"name": ""}, DTypeError, "name"),
    "name number": ({"name": 3}, DTypeError, "name"),
    "description number": ({"description": 3}, DTypeError, "description"),
    "log_density missing": ({"log_density": None}, DTypeError, "log_density"),
    "log_density value": ({"log_density": 3.0}, DTypeError, "log_density"),
    "sample array": ({"sample": np.zeros((5, 3))}, DTypeError, "sample"),
    "dim zero": ({"dim": 0}, ShapeError, "dim"),
    "dim negative": ({"dim": -2}, ShapeError, "dim"),
    "dim float": ({"dim": 3.0}, DTypeError, "dim"),
    "dim bool": ({"dim": True}, DTypeError, "dim"),
    "dim string": ({"dim": "3"}, DTypeError, "dim"),
    "log_z nan": ({"log_z": float("nan")}, ConfigError, "log_z"),
    "log_z string": ({"log_z": "0"}, DTypeError, "log_z"),
    "log_z array": ({"log_z": np.zeros(2)}, DTypeError, "log_z"),
    "log_z complex": ({"log_z": 1j}, DTypeError, "log_z"),
    "prior_std zero": ({"prior_std": 0.0}, ConfigError, "prior_std"),
    "prior_std negative": ({"prior_std": -1.0}, ConfigError, "prior_std"),
    "prior_std infinite": ({"prior_std": np.inf}, ConfigError, "prior_std"),
    "prior_std none": ({"prior_std": None}, DTypeError, "prior_std"),
    "mean wrong length": ({"mean": np.zeros(2)}, ShapeError, "mean"),
    "mean nan": ({"mean": [0, np.nan, 0]}, TargetError, "mean"),
    "mean ragged": ({"mean": [[1, 2], 3, 4]}, DTypeError, "mean"),
    "std zero": ({"std": [1, 0, 1]}, TargetError, "std"),
    "std scalar": ({"std": 1.0}, ShapeError, "std"),
    "modes rank": ({"modes": np.zeros(3)}, ShapeError, "modes"),
    "modes width": ({"modes": np.zeros((2, 4))}, ShapeError, "modes"),
    "modes empty": ({"modes": np.zeros((0, 3))}, ShapeError, "modes"),
    "modes infinite": ({"modes": np.full((1, 3), np.inf)}, TargetError, "modes"),
    "weights alone": ({"mode_weights": [1.0]}, TargetError, "without modes"),
    "weights length": ({"modes": np.zeros((2, 3)), "mode_weights": [1.0]}, ShapeError, "mode_weights"),
    "weights sum": ({"modes": np.zeros((2, 3)), "mode_weights": [0.5, 0.6]}, TargetError, "sum to 1"),
    "weights zero": ({"modes": np.zeros((2, 3)), "mode_weights": [0.0, 1.0]}, TargetError, "positive"),
    "membership array": ({"modes": np.zeros((2, 3)), "membership": np.eye(2)}, DTypeError, "membership"),
    "membership alone": ({"membership": np.exp}, TargetError, "without modes"),
    "box not a pair": ({"box": np.zeros((2, 3))}, ShapeError, "box"),
    "box length": ({"box": (np.zeros(2), np.ones(2))}, ShapeError, "box"),
    "box reversed": ({"box": (np.ones(3), np.zeros(3))}, TargetError, "lower < upper"),
    "box empty": ({"box": (np.ones(3), np.ones(3))}, TargetError, "lower < upper"),
    "box infinite": ({"box": (np.full(3, -np.inf), np.ones(3))}, TargetError, "box"),
}


@pytest.mark.parametrize("fields, error, words", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_fields_give_typed_errors(fields, error, words):
    with pytest.raises(error, match=words) as caught:
        make(**fields)
    assert isinstance(caught.value, TransjetError)


def test_assign_modes_agrees_with_all_distances_across_blocks():
    rng = np.random.default_rng(0)
    modes = rng.normal(size=(7, 3))
    x = rng.normal(size=(2 * 16384 + 5, 3)).astype(np.float32)
    expected = np.linalg.norm(x[:, None, :].astype(np.float64) - modes, axis=2).argmin(axis=1)
    got = make(modes=modes).assign_modes(x)
    assert got.shape == (len(x),) and np.issubdtype(got.dtype, np.integer)
    np.testing.assert_array_equal(got, expected)


def test_assign_modes_takes_jax_arrays_and_no_points():
    target = make(modes=[[0, 0, 0], [5, 5, 5]])
    assert target.assign_modes(jnp.array([[4.0, 4, 4], [1, 1, 1]])).tolist() == [1, 0]
    assert target.assign_modes(np.zeros((0, 3))).shape == (0,)


def test_membership_decides_instead_of_distance():
    def membership(x: np.ndarray) -> np.ndarray:
        return np.stack([0.25 + 0 * x[:, 0], 0.75 + 0 * x[:, 0]], axis=1)

    target = make(modes=[[0, 0, 0], [5, 5, 5]], membership=membership)
    assert target.assign_modes(np.zeros((3, 3), np.float32)).tolist() == [1, 1, 1]
    assert target.memberships(np.zeros((20_000, 3))).shape == (20_000, 2)
    assert target.memberships(np.zeros((0, 3))).shape == (0, 2)
    assert make(modes=[[0, 0, 0]]).memberships(np.zeros((1, 3))) is None
    with pytest.raises(ShapeError, match=r"shape \(4, 1\), got \(4, 2\)"):
        make(modes=[[0, 0, 0]], membership=membership).assign_modes(np.zeros((4, 3)))


def test_assign_modes_malformed():
    with pytest.raises(TargetError, match="lists no modes"):
        make().assign_modes(np.zeros((2, 3)))
    target = make(modes=np.zeros((1, 3)))
    with pytest.raises(ShapeError, match=r"\(n, 3\), got \(3,\)"):
        target.assign_modes(np.zeros(3))
    with pytest.raises(ShapeError, match=r"\(n, 3\), got \(2, 4\)"):
        target.assign_modes(np.zeros((2, 4)))
    with pytest.raises(TargetError, match=r"1 point\(s\) with NaN"):
        target.assign_modes([[0, 0, 0], [np.nan, 0, 0]])


def test_pointwise_checks_the_point_and_keeps_its_dtype():
    with jax.enable_x64(True):
        checked = pointwise(lambda x: jnp.sum(x).astype(jnp.float64), 3)
        assert checked(jnp.ones(3, jnp.float32)).dtype == jnp.float32
        assert checked(jnp.ones(3, jnp.float64)).dtype == jnp.float64
    checked = pointwise(quadratic, 3)
    with pytest.raises(ShapeError, match=r"use jax.vmap"):
        checked(jnp.ones((5, 3)))
    with pytest.raises(ShapeError, match=r"\(3,\), got \(4,\)"):
        jax.jit(checked)(jnp.ones(4))
    with pytest.raises(DTypeError, match="int32"):
        checked(jnp.ones(3, jnp.int32))
