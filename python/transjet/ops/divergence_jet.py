"""Value and divergence of a vector network, by forward tangents contracted with the last layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float

from transjet.ops._jet import Jet, JetSpec, StreamForm
from transjet.ops._operands import JetStatic, Layers, split
from transjet.ops._streams import Tangents, propagate

Array = jax.Array


class DivergenceJet(NamedTuple):
    """Jet of a vector network at n points in d coordinates."""

    value: Float[Array, "n d"]
    divergence: Float[Array, " n"]


def _trace(tangents: Array, weight: Array, directions: Array | None) -> Array:
    """sum_k v_k . (tangent_k W), (n,), for tangents (k, n, width)."""
    if directions is None:
        return jnp.einsum("kni,ik->n", tangents, weight)
    if directions.ndim == 2:
        return jnp.einsum("kni,ik->n", tangents, weight @ directions.T)
    return jnp.einsum("kni,ij,nkj->n", tangents, weight, directions)


def _reference(static: JetStatic, *operands: Array) -> tuple[Array, ...]:
    x, tau, _, directions, layers = split(static, operands)
    out, inputs = propagate(layers, static.activation, x, tau, Tangents(directions))
    if inputs:  # contracting before the last product saves d - 1 of its d columns
        return out[0], _trace(inputs[-1][1:], layers[-1][0], directions)
    along = jnp.eye(x.shape[1], dtype=x.dtype) if directions is None else directions
    return out[0], jnp.einsum("knj,nkj->n", out[1:], jnp.broadcast_to(along, (x.shape[0], *along.shape[-2:])))


def _stream_form(x: Array, tau: Array, dtau: Array, directions: Array | None, c: DivergenceJet) -> StreamForm:
    along = jnp.eye(x.shape[1], dtype=x.dtype) if directions is None else directions
    along = jnp.broadcast_to(along, (x.shape[0], *along.shape[-2:])).swapaxes(0, 1)
    weights = jnp.concatenate([c.value[None], c.divergence[:, None] * along])
    return StreamForm(x, tau, Tangents(directions), weights)


JET = Jet(
    JetSpec(
        "divergence_jet",
        DivergenceJet,
        False,
        _reference,
        lambda d, k: (d if k is None else k) + 1,
        _stream_form,
    )
)


def divergence_jet(
    layers: Layers,
    x: Array,
    tau: Array,
    dtau: Array,
    *,
    activation: str | Sequence[str] = "tanh",
    directions: Array | None = None,
    backend: str = "auto",
) -> DivergenceJet:
    """Value and divergence of a vector network mu(x, tau(t)) with d outputs.

    Args:
        layers: tuple of (W (fan_in, fan_out), b (fan_out,)); the first fan_in is d + f, the last fan_out d. The last
            layer is affine.
        x: coordinates, (n, d).
        tau: time features tau(t), (n, f).
        dtau: their derivatives with respect to t, (n, f); not used, taken so that all jets are called alike.
        activation: one name for all hidden layers or a tuple with one each: tanh, sin, gelu, silu, softplus, identity.
        directions: None for the full divergence, or (k, d) or (n, k, d): it is then replaced by
            sum_k v_k^T (d mu/dx) v_k. Random ones from `hutchinson_directions` estimate it without bias.
        backend: "auto", or a backend's name.

    Returns:
        DivergenceJet(value (n, d), divergence (n,)).

    Raises:
        ShapeError: an operand of the wrong rank or size.
        DTypeError: operands that are not all float32 or all float64.
        ConfigError: an unknown activation.
        BackendError: the backend asked for by name cannot run.
    """
    return JET(layers, x, tau, dtau, activation=activation, directions=directions, backend=backend)
