"""Value, time derivative and gradient of a scalar network, by one reverse sweep whatever the dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from transjet.ops._jet import Jet, JetSpec, StreamForm
from transjet.ops._operands import JetStatic, Layers, split
from transjet.ops._streams import Tangents
from transjet.ops.activations import value_and_derivatives

Array = jax.Array


class GradientJet(NamedTuple):
    """First-order jet of a scalar network at n points in d coordinates."""

    value: Float[Array, " n"]
    dt: Float[Array, " n"]
    grad: Float[Array, "n d"]


def reverse_sweep(layers: Layers, activation: Sequence[str], z: Array) -> tuple[Array, Array]:
    """Value (n,) and gradient (n, d + f) of a scalar network at inputs z (n, d + f)."""
    hidden, slopes = z, []
    for name, (weight, bias) in zip(activation, layers[:-1], strict=True):
        hidden, slope, _ = value_and_derivatives(name, hidden @ weight + bias)
        slopes.append(slope)
    weight, bias = layers[-1]
    value = (hidden @ weight)[:, 0] + bias[0]
    adjoint = jnp.broadcast_to(weight[:, 0], (z.shape[0], weight.shape[0]))
    for (inner, _), slope in zip(reversed(layers[:-1]), reversed(slopes), strict=True):
        adjoint = (adjoint * slope) @ inner.T
    return value, adjoint


def _reference(static: JetStatic, *operands: Array) -> tuple[Array, ...]:
    x, tau, dtau, _, layers = split(static, operands)
    value, gradient = reverse_sweep(layers, static.activation, jnp.concatenate([x, tau], axis=1))
    d = x.shape[1]
    return value, jnp.sum(gradient[:, d:] * dtau, axis=1), gradient[:, :d]


def _stream_form(x: Array, tau: Array, dtau: Array, directions: None, c: GradientJet) -> StreamForm:
    # With c fixed, c . (grad, dt) is the derivative along one direction of (x, tau): two streams whatever d.
    along = jnp.concatenate([c.grad, c.dt[:, None] * dtau], axis=1)[:, None]
    weights = jnp.stack([c.value, jnp.ones_like(c.value)])[..., None]
    return StreamForm(jnp.concatenate([x, tau], axis=1), tau[:, :0], Tangents(along), weights)


JET = Jet(JetSpec("gradient_jet", GradientJet, True, _reference, lambda d, k: 2, _stream_form))


def gradient_jet(
    layers: Layers,
    x: Array,
    tau: Array,
    dtau: Array,
    *,
    activation: str | Sequence[str] = "tanh",
    backend: str = "auto",
) -> GradientJet:
    """Value, time derivative and gradient of a scalar network phi(x, tau(t)).

    Args:
        layers: tuple of (W (fan_in, fan_out), b (fan_out,)); the first fan_in is d + f, the last fan_out 1. The last
            layer is affine.
        x: coordinates, (n, d).
        tau: time features tau(t), (n, f).
        dtau: their derivatives with respect to t, (n, f).
        activation: one name for all hidden layers or a tuple with one each: tanh, sin, gelu, silu, softplus, identity.
        backend: "auto", or a backend's name.

    Returns:
        GradientJet(value (n,), dt (n,), grad (n, d)); dt is the derivative along dtau with x at rest.

    Raises:
        ShapeError: an operand of the wrong rank or size.
        DTypeError: operands that are not all float32 or all float64.
        ConfigError: an unknown activation.
        BackendError: the backend asked for by name cannot run.
    """
    return JET(layers, x, tau, dtau, activation=activation, backend=backend)
