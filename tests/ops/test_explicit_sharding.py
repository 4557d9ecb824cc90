"""Meshes with explicit axes are refused in words; what the words advise works."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from transjet import ops
from transjet.errors import ShardingError

LAYERS = ((jnp.ones((3, 4)) / 3, jnp.zeros(4)), (jnp.ones((4, 1)), jnp.zeros(1)))
POINTS = jnp.linspace(0.0, 1.0, 16).reshape(8, 2), jnp.ones((8, 1)), jnp.ones((8, 1))


def sharded(axis_type: AxisType) -> list[jax.Array]:
    mesh = jax.make_mesh((4,), ("points",), axis_types=(axis_type,))
    return [jax.device_put(a, NamedSharding(mesh, PartitionSpec("points"))) for a in POINTS]


def loss(layers, points):
    return jnp.sum(ops.gradient_jet(layers, *points).value ** 2)


def test_explicit_axes_are_refused() -> None:
    with pytest.raises(ShardingError, match="gradient_jet: expected operands without explicit sharding"):
        jax.grad(loss)(LAYERS, sharded(AxisType.Explicit))


def test_automatic_axes_give_the_gradient() -> None:
    got = jax.jit(jax.grad(loss))(LAYERS, sharded(AxisType.Auto))
    wanted = jax.grad(loss)(LAYERS, POINTS)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), got, wanted)
