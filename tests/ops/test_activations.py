"""Every activation's value and derivatives against JAX's own."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jet_oracle import FUNCTIONS

from transjet import ops
from transjet.errors import ConfigError
from transjet.ops.activations import value_and_derivatives

Z = np.concatenate([np.linspace(-6, 6, 49), [-30.0, -1e-3, 0.0, 1e-3, 30.0]])


def test_the_oracle_knows_every_activation() -> None:
    assert set(FUNCTIONS) == set(ops.ACTIVATIONS)


@pytest.mark.parametrize("name", ops.ACTIVATIONS)
def test_value_and_derivatives(name: str, x64: None) -> None:
    f, z = FUNCTIONS[name], jnp.asarray(Z)
    expected = [jax.vmap(g)(z) for g in (f, jax.grad(f), jax.grad(jax.grad(f)))]
    actual = value_and_derivatives(name, z)
    assert len(actual) == 3
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(ops.activate(name, z), actual[0])


@pytest.mark.parametrize("name", ops.ACTIVATIONS)
def test_derivatives_of_the_derivatives(name: str, x64: None) -> None:
    z = jnp.asarray(Z)
    for order in (0, 1):
        slope = jax.vmap(jax.grad(lambda z, k=order: value_and_derivatives(name, z)[k]))(z)
        np.testing.assert_allclose(slope, value_and_derivatives(name, z)[order + 1], rtol=1e-12, atol=1e-13)
    third = jax.vmap(jax.grad(lambda z: value_and_derivatives(name, z)[2]))(z)
    np.testing.assert_allclose(
        third, jax.vmap(jax.grad(jax.grad(jax.grad(FUNCTIONS[name]))))(z), rtol=1e-11, atol=1e-12
    )


@pytest.mark.parametrize("name", ops.ACTIVATIONS)
def test_float32_errs_no_more_than_twice_what_autodiff_does(name: str) -> None:
    f, z = FUNCTIONS[name], Z.astype(np.float32)
    chain = (f, jax.grad(f), jax.grad(jax.grad(f)))
    low, rival = value_and_derivatives(name, jnp.asarray(z)), [jax.vmap(g)(jnp.asarray(z)) for g in chain]
    with jax.enable_x64(True):
        high = [jax.vmap(g)(jnp.asarray(z.astype(np.float64))) for g in chain]
    for a, r, e in zip(*(map(np.asarray, part) for part in (low, rival, high)), strict=True):
        assert a.dtype == np.float32
        rounding = 4 * np.finfo(np.float32).eps * (1 + np.max(np.abs(e)))
        assert np.max(np.abs(a - e)) <= 2 * np.max(np.abs(r - e)) + rounding


@pytest.mark.parametrize("name", ops.ACTIVATIONS)
def test_no_derivative_overflows_far_from_zero(name: str) -> None:
    far = jnp.array([-1e4, -100.0, 100.0, 1e4], jnp.float32)
    for part in value_and_derivatives(name, far):
        assert np.isfinite(part).all()


@pytest.mark.parametrize("name", ["relu", "Tanh", "", None, ["tanh"]])
@pytest.mark.parametrize("call", [ops.activate, value_and_derivatives])
def test_unknown_names_are_refused(call: Any, name: Any) -> None:
    with pytest.raises(ConfigError, match=r"activation: expected one of tanh, .*; got ") as caught:
        call(name, jnp.zeros(3))
    assert str(caught.value).endswith(repr(name))
