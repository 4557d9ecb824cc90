"""Adaptive transport agrees with exact solutions, and with fixed steps."""

from __future__ import annotations

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from transjet.errors import ConfigError
from transjet.models import DivergenceJet
from transjet.transport import adaptive_transport, ode_transport

X = np.random.default_rng(0).standard_normal((6, 2))


def swirl(x: Any, t: Any) -> DivergenceJet:
    """A nonlinear field that changes with time: (sin(x_1 + t), x_0 x_1 / 2)."""
    value = jnp.stack([jnp.sin(x[:, 1] + t), x[:, 0] * x[:, 1] / 2], axis=1)
    return DivergenceJet(value, x[:, 0] / 2)


@pytest.mark.parametrize("reverse", [False, True])
def test_it_agrees_with_many_fixed_steps(reverse: bool, x64: None) -> None:
    x = jnp.asarray(X)
    fixed = ode_transport(swirl, x, steps=400, reverse=reverse)
    adaptive = jax.jit(lambda x: adaptive_transport(swirl, x, rtol=1e-9, atol=1e-9, reverse=reverse))(x)
    np.testing.assert_allclose(adaptive.x, fixed.x, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(adaptive.change, fixed.change, rtol=1e-7, atol=1e-7)


def test_default_tolerances_in_float32() -> None:
    x = jnp.asarray(X, jnp.float32)
    moved, exact = adaptive_transport(swirl, x), ode_transport(swirl, x)
    assert {str(a.dtype) for a in moved} == {"float32"}
    np.testing.assert_allclose(moved.x, exact.x, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(moved.change, exact.change, rtol=1e-3, atol=1e-4)


def test_without_diffrax_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffrax", None)
    with pytest.raises(ConfigError, match=r"adaptive transport needs diffrax; install it with: pip install"):
        adaptive_transport(swirl, jnp.zeros((1, 2)))
