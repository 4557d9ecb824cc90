"""What is particular to the first-order jet of a scalar network."""

from __future__ import annotations

import numpy as np
from jet_oracle import Case, operands

from transjet import ops


def test_an_affine_network_has_its_weights_as_gradient() -> None:
    args = operands(Case(4, 3, 2), 1)
    ((weight, bias),) = args.layers
    jet = ops.gradient_jet(*args[:4])
    np.testing.assert_array_equal(jet.grad, np.broadcast_to(weight[:3, 0], (4, 3)))
    np.testing.assert_allclose(jet.dt, args.dtau @ weight[3:, 0], rtol=1e-6, atol=1e-7)
    z = np.concatenate([args.x, args.tau], axis=1)
    np.testing.assert_allclose(jet.value, z @ weight[:, 0] + bias[0], rtol=1e-5, atol=1e-6)


def test_dt_is_linear_in_dtau_and_the_rest_ignores_it() -> None:
    args = operands(Case(5, 2, 3, (("silu", 4),)), 1)
    layers, x, tau, dtau = args[:4]
    one, other = ops.gradient_jet(layers, x, tau, dtau), ops.gradient_jet(layers, x, tau, -2 * dtau)
    np.testing.assert_allclose(other.dt, -2 * one.dt, rtol=1e-5)
    np.testing.assert_array_equal(other.value, one.value)
    np.testing.assert_array_equal(other.grad, one.grad)
    assert np.all(one.dt != 0)


def test_without_time_features_dt_is_zero() -> None:
    jet = ops.gradient_jet(*operands(Case(3, 2, 0, (("tanh", 4),)), 1)[:4])
    np.testing.assert_array_equal(jet.dt, np.zeros(3))


def test_it_agrees_with_the_second_order_jet() -> None:
    args = operands(Case(6, 4, 1, (("gelu", 5), ("sin", 3))), 1)
    first = ops.gradient_jet(*args[:4], activation=("gelu", "sin"))
    second = ops.laplacian_jet(*args[:4], activation=("gelu", "sin"))
    for field in first._fields:
        np.testing.assert_allclose(getattr(first, field), getattr(second, field), rtol=1e-5, atol=1e-6)
