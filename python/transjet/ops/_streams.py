"""Streams: a point's value and directional derivatives, carried together through the layers of a network.

A jet propagates, for every point, a stack of streams: the value, tangents along some directions of z = (x, tau), and
perhaps a second-order stream (the sum of second derivatives along the first few tangents). Through an affine layer
every stream is multiplied by W; through an activation f, with z the value stream's pre-activation:

    value -> f(z)      tangent_i -> f'(z) tangent_i      second -> f'(z) second + f''(z) sum_i tangent_i^2

(the forward Laplacian of Li et al., arXiv 2307.08214, when the tangents are the d coordinates). The optional taps are
added to the pre-activations: their cotangents are the adjoint factors from which Gauss-Newton products are built.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from transjet.ops._operands import Layers
from transjet.ops.activations import value_and_derivatives

Array = jax.Array


class Tangents(NamedTuple):
    """Which directional derivatives to carry.

    Attributes:
        directions: (k, d) or (n, k, d) directions in x; None: the d coordinates themselves.
        dtau: (n, f) or None; when given, one more tangent, with tau moving along it.
        second: whether to carry the sum of second derivatives along the directions in x.
        dx: (n, d) or None; how x moves along that one more tangent, None: it rests.
    """

    directions: Array | None = None
    dtau: Array | None = None
    second: bool = False
    dx: Array | None = None

    def count(self, d: int) -> int:
        """Number of directions in x."""
        return d if self.directions is None else self.directions.shape[-2]

    def streams(self, d: int) -> int:
        """Number of streams S, the value's included."""
        return 1 + self.count(d) + (self.dtau is not None) + self.second


def _first(weight: Array, x: Array, tau: Array, tangents: Tangents) -> Array:
    """The first layer without its bias. Tangents along coordinates are rows of W and need no matrix product."""
    n, d = x.shape
    rows = (n, weight.shape[1])
    pieces = [(jnp.concatenate([x, tau], axis=1) @ weight)[None]]
    if tangents.directions is None:
        pieces.append(jnp.broadcast_to(weight[:d, None], (d, *rows)))
    elif tangents.directions.ndim == 2:
        along = tangents.directions @ weight[:d]
        pieces.append(jnp.broadcast_to(along[:, None], (along.shape[0], *rows)))
    else:
        pieces.append((tangents.directions @ weight[:d]).swapaxes(0, 1))
    if tangents.dtau is not None:
        along = tangents.dtau @ weight[d:]
        pieces.append((along if tangents.dx is None else along + tangents.dx @ weight[:d])[None])
    if tangents.second:
        pieces.append(jnp.zeros_like(pieces[0]))
    return jnp.concatenate(pieces)


def _activate(name: str, pre: Array, bias: Array, squared: int) -> Array:
    f, df, ddf = value_and_derivatives(name, pre[0] + bias)
    if not squared:
        return jnp.concatenate([f[None], df * pre[1:]])
    second = df * pre[-1] + ddf * jnp.sum(pre[1 : 1 + squared] ** 2, axis=0)
    return jnp.concatenate([f[None], df * pre[1:-1], second[None]])


def propagate(
    layers: Layers,
    activation: Sequence[str],
    x: Array,
    tau: Array,
    tangents: Tangents,
    taps: Sequence[Array] | None = None,
) -> tuple[Array, list[Array]]:
    """Carry the streams through the network.

    Args:
        layers: tuple of (W, b).
        activation: one name per hidden layer.
        x: coordinates, (n, d).
        tau: time features, (n, f).
        tangents: the derivatives to carry.
        taps: per layer an (S, n, width) array, added to its pre-activations.

    Returns:
        The output streams (S, n, outputs), in the order value, directions in x, time, second order; and the input
        streams (S, n, width) of every layer but the first.
    """
    squared = tangents.count(x.shape[1]) if tangents.second else 0
    pre = _first(layers[0][0], x, tau, tangents)
    inputs: list[Array] = []
    for index, name in enumerate(activation):
        pre = pre if taps is None else pre + taps[index]
        inputs.append(_activate(name, pre, layers[index][1], squared))
        pre = inputs[-1] @ layers[index + 1][0]
    pre = pre if taps is None else pre + taps[-1]
    return pre.at[0].add(layers[-1][1]), inputs
