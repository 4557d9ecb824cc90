"""Value, time derivative, gradient and Laplacian of a scalar network, by the forward Laplacian."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from transjet.ops._jet import Jet, JetSpec, StreamForm
from transjet.ops._operands import JetStatic, Layers, split
from transjet.ops._streams import Tangents, propagate
from transjet.ops.gradient_jet import reverse_sweep

Array = jax.Array


class LaplacianJet(NamedTuple):
    """Second-order jet of a scalar network at n points in d coordinates."""

    value: Float[Array, " n"]
    dt: Float[Array, " n"]
    grad: Float[Array, "n d"]
    laplacian: Float[Array, " n"]


def _reference(static: JetStatic, *operands: Array) -> tuple[Array, ...]:
    x, tau, dtau, directions, layers = split(static, operands)
    out, _ = propagate(layers, static.activation, x, tau, Tangents(directions, dtau, second=True))
    value, dt, second = out[0, :, 0], out[-2, :, 0], out[-1, :, 0]
    if directions is None:
        return value, dt, out[1:-2, :, 0].T, second
    _, gradient = reverse_sweep(layers, static.activation, jnp.concatenate([x, tau], axis=1))
    return value, dt, gradient[:, : x.shape[1]], second


def _stream_form(x: Array, tau: Array, dtau: Array, directions: Array | None, c: LaplacianJet) -> StreamForm:
    # With c fixed, c . (grad, dt) is the derivative along one direction of (x, tau): one stream, also with directions.
    zero = jnp.zeros_like(c.value)
    count = x.shape[1] if directions is None else directions.shape[-2]
    weights = jnp.stack([c.value, *[zero] * count, zero + 1, c.laplacian])[..., None]
    return StreamForm(x, tau, Tangents(directions, c.dt[:, None] * dtau, True, c.grad), weights)


JET = Jet(
    JetSpec(
        "laplacian_jet",
        LaplacianJet,
        True,
        _reference,
        lambda d, k: (d if k is None else k) + 3,
        _stream_form,
    )
)


def laplacian_jet(
    layers: Layers,
    x: Array,
    tau: Array,
    dtau: Array,
    *,
    activation: str | Sequence[str] = "tanh",
    directions: Array | None = None,
    backend: str = "auto",
) -> LaplacianJet:
    """Value, time derivative, gradient and Laplacian of a scalar network phi(x, tau(t)).

    Args:
        layers: tuple of (W (fan_in, fan_out), b (fan_out,)); the first fan_in is d + f, the last fan_out 1. The last
            layer is affine.
        x: coordinates, (n, d).
        tau: time features tau(t), (n, f).
        dtau: their derivatives with respect to t, (n, f).
        activation: one name for all hidden layers or a tuple with one each: tanh, sin, gelu, silu, softplus, identity.
        directions: None for the full Laplacian, or (k, d) or (n, k, d): the Laplacian is then replaced by
            sum_k v_k^T (Hess phi) v_k. Random ones from `hutchinson_directions` estimate it without bias.
        backend: "auto", or a backend's name.

    Returns:
        LaplacianJet(value (n,), dt (n,), grad (n, d), laplacian (n,)).

    Raises:
        ShapeError: an operand of the wrong rank or size.
        DTypeError: operands that are not all float32 or all float64.
        ConfigError: an unknown activation.
        BackendError: the backend asked for by name cannot run.
    """
    return JET(layers, x, tau, dtau, activation=activation, directions=directions, backend=backend)
