"""Adjoint factors of a network's contribution to a residual, and the Gram matrix built from them.

With the residual's coefficients c = dR/d(jet) fixed, R's Jacobian row at point n with respect to layer l is

    J_l[n] = sum_s H_{l-1}[n, s] (x) Zbar_l[n, s],      db_l[n] = Zbar_l[n, value stream]

where H are the streams that enter the layer and Zbar the cotangents of those that leave it. The Gram matrix J J^T then
needs, per layer, either the assembled rows (fan_in fan_out numbers a point) or inner products of factors alone
(S^2 (fan_in + fan_out) multiplications a pair of points): `gram` takes the cheaper of the two for each layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from transjet.backend import full_precision, make_varying
from transjet.ops._jet import StreamForm
from transjet.ops._operands import Layers
from transjet.ops._streams import propagate

Array = jax.Array
_BLOCKS = 4  # rows of blocks of a symmetric product: the upper ones alone are (B + 1) / 2B of the work


class LayerFactors(NamedTuple):
    """Streams that enter a layer, (S, n, fan_in), and cotangents of those that leave it, (S, n, fan_out)."""

    inputs: Array
    adjoints: Array


def _per_point(matrices: Array) -> Array:
    """(n, a, b) as rows (n, a b); n may be zero."""
    n, a, b = matrices.shape
    return matrices.reshape(n, a * b)


def first_rows(form: StreamForm, adjoints: Array) -> Array:
    """Assembled rows (n, (d + f) width) of the first layer, whose tangent inputs are directions known beforehand."""
    x, tau, tangents, _ = form
    value = jnp.concatenate([x, tau], axis=1)[:, :, None] * adjoints[0][:, None, :]
    count = tangents.count(x.shape[1])
    along = adjoints[1 : 1 + count]
    if tangents.directions is None:
        moved = along.swapaxes(0, 1)
    elif tangents.directions.ndim == 2:
        moved = jnp.einsum("kd,knw->ndw", tangents.directions, along)
    else:
        moved = jnp.einsum("nkd,knw->ndw", tangents.directions, along)
    times = jnp.zeros((x.shape[0], tau.shape[1], adjoints.shape[2]), x.dtype)
    if tangents.dtau is not None:
        joint = adjoints[1 + count][:, None, :]
        times = tangents.dtau[:, :, None] * joint
        moved = moved if tangents.dx is None else moved + tangents.dx[:, :, None] * joint
    return _per_point(value + jnp.concatenate([moved, times], axis=1))


def factors(
    layers: Layers, activation: Sequence[str], form: StreamForm
) -> tuple[Array, list[LayerFactors], list[Array]]:
    """One adjoint sweep.

    Args:
        layers: tuple of (W, b).
        activation: one name per hidden layer.
        form: the jet contracted with its coefficients.

    Returns:
        The first layer's assembled rows (n, (d + f) width); the factors of every other layer; and the value stream's
        adjoints of every layer (n, fan_out), which are the rows of the biases.
    """
    n, count = form.x.shape[0], form.tangents.streams(form.x.shape[1])
    taps = [jnp.zeros((count, n, bias.shape[0]), form.x.dtype) for _, bias in layers]
    # On a mesh the taps must vary as the points do, or their cotangents would be summed over devices.
    taps = make_varying([*taps, form.x, form.weights])[: len(taps)]

    def swept(taps: list[Array]) -> tuple[Array, list[Array]]:
        return propagate(layers, activation, form.x, form.tau, form.tangents, taps)

    _, pull, inputs = jax.vjp(swept, taps, has_aux=True)
    (adjoints,) = pull(form.weights)
    rest = [LayerFactors(h, z) for h, z in zip(inputs, adjoints[1:], strict=True)]
    return first_rows(form, adjoints[0]), rest, [z[0] for z in adjoints]


def _symmetric(block: Callable[[slice, slice], Array], n: int) -> Array:
    """Assemble a symmetric (n, n) matrix from `block(rows, columns)` over its upper triangle."""
    size = max(1, -(-n // _BLOCKS)) if n >= 64 * _BLOCKS else max(1, n)
    strips = []
    for start in range(0, max(1, n), size):
        strip = block(slice(start, min(start + size, n)), slice(start, n))
        strips.append(jnp.pad(strip, ((0, 0), (start, 0))))
    upper = jnp.triu(jnp.concatenate(strips))
    return upper + jnp.triu(upper, 1).T


def _factored_block(layer: LayerFactors, rows: slice, columns: slice) -> Array:
    def products(a: Array) -> Array:  # (S, S, rows, columns)
        return jnp.einsum("snk,rmk->srnm", a[:, rows], a[:, columns])

    return jnp.sum(products(layer.inputs) * products(layer.adjoints), axis=(0, 1))


def assemble_rows(layer: LayerFactors) -> Array:
    """Assembled rows (n, fan_in fan_out) of a layer from its factors."""
    return _per_point(jnp.einsum("snk,snj->nkj", layer.inputs, layer.adjoints))


def is_factored_cheaper(layer: LayerFactors, n: int) -> bool:
    """Whether inner products of factors cost less than assembled rows, counting multiplications a pair of points."""
    streams, _, fan_in = layer.inputs.shape
    fan_out = layer.adjoints.shape[2]
    # A factored pair also writes and reduces S^2 products twice, worth some 16 multiplications each.
    return streams**2 * (fan_in + fan_out + 16) < fan_in * fan_out * (1 + streams / max(n, 1))


@full_precision
def gram_of(layers: Layers, activation: Sequence[str], form: StreamForm) -> Array:
    """J J^T (n, n) of one network's contribution, with respect to all its weights and biases."""
    n = form.x.shape[0]
    first, rest, biases = factors(layers, activation, form)
    total = _symmetric(_dense(jnp.concatenate([first, *biases], axis=1)), n)
    for layer in rest:
        cheap = is_factored_cheaper(layer, n)
        total = total + _symmetric(partial(_factored_block, layer) if cheap else _dense(assemble_rows(layer)), n)
    return total


def _dense(rows: Array) -> Callable[[slice, slice], Array]:
    return lambda first, second: rows[first] @ rows[second].T
