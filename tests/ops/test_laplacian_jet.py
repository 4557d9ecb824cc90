"""What is particular to the second-order jet of a scalar network."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jet_oracle import Case, operands

from transjet import ops

ARGS = operands(Case(5, 3, 1, (("tanh", 6), ("silu", 4))), 1)[:4]
ACTIVATION = ("tanh", "silu")


def laplacian(directions: jnp.ndarray | None) -> np.ndarray:
    return np.asarray(ops.laplacian_jet(*ARGS, activation=ACTIVATION, directions=directions).laplacian)


def test_any_orthonormal_basis_gives_the_laplacian() -> None:
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0].astype(np.float32)
    for basis in (np.eye(3, dtype=np.float32), rotation):
        np.testing.assert_allclose(laplacian(jnp.asarray(basis)), laplacian(None), rtol=1e-4, atol=1e-5)


def test_directions_add_up_and_scale_with_their_square() -> None:
    a, b = jnp.array([[1.0, -2.0, 0.5]]), jnp.array([[0.3, 0.1, 2.0]])
    both = laplacian(jnp.concatenate([a, -3 * b]))
    np.testing.assert_allclose(both, laplacian(a) + 9 * laplacian(b), rtol=1e-4, atol=1e-4)


def test_one_set_of_directions_is_the_same_set_for_every_point() -> None:
    shared = jnp.asarray(np.random.default_rng(1).standard_normal((2, 3)), jnp.float32)
    np.testing.assert_allclose(laplacian(shared), laplacian(jnp.broadcast_to(shared, (5, 2, 3))), rtol=1e-5, atol=1e-6)


def test_no_directions_sum_to_nothing() -> None:
    np.testing.assert_array_equal(laplacian(jnp.zeros((0, 3))), np.zeros(5))


def test_an_affine_function_has_no_laplacian() -> None:
    args = operands(Case(4, 2, 1, (("identity", 3), ("identity", 5))), 1)[:4]
    np.testing.assert_array_equal(ops.laplacian_jet(*args, activation="identity").laplacian, np.zeros(4))


def test_a_plane_wave_has_minus_its_squared_wave_number() -> None:
    wave = jnp.array([[0.7], [-1.1], [2.0]])
    layers = ((wave, jnp.array([0.4])), (jnp.ones((1, 1)), jnp.zeros(1)))
    x, empty = jnp.asarray(np.random.default_rng(2).standard_normal((6, 3)), jnp.float32), jnp.zeros((6, 0))
    jet = ops.laplacian_jet(layers, x, empty, empty, activation="sin")
    np.testing.assert_allclose(jet.laplacian, -float(jnp.sum(wave**2)) * jet.value, rtol=1e-5, atol=1e-5)
