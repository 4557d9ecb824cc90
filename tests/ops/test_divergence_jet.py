"""What is particular to the jet of a vector network."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jet_oracle import Case, operands

from transjet import ops

ARGS = operands(Case(5, 3, 2, (("tanh", 6),)), 3)[:4]


def divergence(directions: jnp.ndarray | None) -> np.ndarray:
    return np.asarray(ops.divergence_jet(*ARGS, directions=directions).divergence)


def test_an_affine_field_has_its_trace_as_divergence() -> None:
    args = operands(Case(4, 3, 1), 3)
    jet = ops.divergence_jet(*args[:4])
    np.testing.assert_allclose(jet.divergence, np.full(4, np.trace(args.layers[0][0][:3])), rtol=1e-6)


def test_dtau_is_not_used() -> None:
    layers, x, tau, dtau = ARGS
    for a, b in zip(
        ops.divergence_jet(*ARGS), ops.divergence_jet(layers, x, tau, jnp.full_like(dtau, jnp.nan)), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_any_orthonormal_basis_gives_the_divergence() -> None:
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0].astype(np.float32)
    for basis in (np.eye(3, dtype=np.float32), rotation):
        np.testing.assert_allclose(divergence(jnp.asarray(basis)), divergence(None), rtol=1e-4, atol=1e-5)


def test_one_set_of_directions_is_the_same_set_for_every_point() -> None:
    shared = jnp.asarray(np.random.default_rng(1).standard_normal((2, 3)), jnp.float32)
    np.testing.assert_allclose(
        divergence(shared), divergence(jnp.broadcast_to(shared, (5, 2, 3))), rtol=1e-5, atol=1e-6
    )


def test_a_gradient_field_has_the_laplacian_as_divergence() -> None:
    # phi = sum_j a_j softplus(w_j . x + b_j) has gradient W (a sigmoid(...)), and sigmoid(z) = (1 + tanh(z / 2)) / 2.
    layers, x, _, _ = operands(Case(7, 3, 0, (("softplus", 5),)), 1)[:4]
    (weight, bias), (outer, _) = layers
    empty = jnp.zeros((7, 0))
    phi = ops.laplacian_jet(layers, x, empty, empty, activation="softplus")
    gradient = ((weight / 2, bias / 2), (0.5 * (weight * outer[:, 0]).T, 0.5 * weight @ outer[:, 0]))
    field = ops.divergence_jet(gradient, x, empty, empty, activation="tanh")
    np.testing.assert_allclose(field.value, phi.grad, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(field.divergence, phi.laplacian, rtol=1e-4, atol=1e-5)
