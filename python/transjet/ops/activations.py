"""Activation functions with their first two derivatives, computed from shared subexpressions.

`value_and_derivatives(name, z)` returns f(z), f'(z), f''(z); JAX differentiates further where asked to.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from transjet.errors import ConfigError

Array = jax.Array
Triple = tuple[Array, Array, Array]

_GELU_SCALE = math.sqrt(2.0 / math.pi)
_GELU_CUBIC = 0.044715


def _tanh(z: Array) -> Triple:
    h = jnp.tanh(z)
    slope = 1 - h * h
    return h, slope, -2 * h * slope


def _sin(z: Array) -> Triple:
    s = jnp.sin(z)
    return s, jnp.cos(z), -s


def _gelu(z: Array) -> Triple:
    # The tanh form, jax.nn.gelu's default: f = z g / 2 with g = 1 + tanh(u), u = c (z + a z^3).
    u = _GELU_SCALE * (z + _GELU_CUBIC * z**3)
    du = _GELU_SCALE * (1 + 3 * _GELU_CUBIC * z * z)
    ddu = 6 * _GELU_SCALE * _GELU_CUBIC * z
    h, dh, ddh = _tanh(u)
    dg, ddg = dh * du, ddh * du * du + dh * ddu
    return 0.5 * z * (1 + h), 0.5 * (1 + h + z * dg), dg + 0.5 * z * ddg


def _silu(z: Array) -> Triple:
    s = jax.nn.sigmoid(z)
    ds = s * (1 - s)
    return z * s, s + z * ds, ds * (2 + z * (1 - 2 * s))


def _softplus(z: Array) -> Triple:
    s = jax.nn.sigmoid(z)
    return jax.nn.softplus(z), s, s * (1 - s)


def _identity(z: Array) -> Triple:
    return z, jnp.ones_like(z), jnp.zeros_like(z)


_TABLE: dict[str, Callable[[Array], Triple]] = {
    "tanh": _tanh,
    "sin": _sin,
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _softplus,
    "identity": _identity,
}

ACTIVATIONS = tuple(_TABLE)
"""Names of the activations that every operation supports."""


def value_and_derivatives(name: str, z: Array) -> Triple:
    """f(z), f'(z) and f''(z), elementwise.

    Raises:
        ConfigError: a name that is not in ACTIVATIONS.
    """
    if name not in ACTIVATIONS:
        raise ConfigError(f"activation: expected one of {', '.join(ACTIVATIONS)}; got {name!r}")
    return _TABLE[name](z)


def value(name: str, z: Array) -> Array:
    """f(z), elementwise.

    Raises:
        ConfigError: a name that is not in ACTIVATIONS.
    """
    return value_and_derivatives(name, z)[0]
