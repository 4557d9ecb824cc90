"""Streams: the rows that a point occupies in a tile, and how they go through a layer.

A tile is (BT, SP, width): BT points of SP rows each. Rows are the value, with TIME the tangent in time, with SECOND the
second-order stream, then k tangents along directions in x, then rows of zeros up to the power of two that Triton asks
for. With z the pre-activations and f the activation at z_0:

    value h_0 = f(z_0)      tangent h_s = f' z_s      second h_s = f' z_s + f'' sum_k z_k^2, over directions in x
"""

import triton
import triton.language as tl

from transjet_kernels.activations import derivatives


@triton.jit
def stream_rows(SP: tl.constexpr):
    """Indices of the streams, (1, SP, 1)."""
    return tl.arange(0, SP)[None, :, None]


@triton.jit
def tangent_rows(
    directions, points, n, d, k, HEAD: tl.constexpr, SP: tl.constexpr, WIDTH: tl.constexpr, DIRECTIONS: tl.constexpr
):
    """Directions of the tangents in rows of `WIDTH` columns, zero elsewhere: (BT, SP, WIDTH), or (1, SP, WIDTH)."""
    row = stream_rows(SP) - HEAD
    column = tl.arange(0, WIDTH)[None, None, :]
    inside = (row >= 0) & (row < k) & (column < d)
    if DIRECTIONS == 2:
        at = points[:, None, None]
        return tl.load(directions + (at * k + row) * d + column, mask=inside & (at < n), other=0.0)
    elif DIRECTIONS == 1:
        return tl.load(directions + row * d + column, mask=inside, other=0.0)
    else:
        return tl.where(inside & (row == column), 1.0, 0.0).to(directions.dtype.element_ty)


@triton.jit
def load_inputs(
    inputs, along, directions, points, n, d, i, k,
    SP: tl.constexpr, IP: tl.constexpr, TIME: tl.constexpr, SECOND: tl.constexpr, DIRECTIONS: tl.constexpr,
):  # fmt: skip
    """Streams that enter the first layer, (BT, SP, IP): (x, tau), how it moves in time, and the directions."""
    row = stream_rows(SP)
    at = points[:, None, None] * i + tl.arange(0, IP)[None, None, :]
    inside = (points[:, None, None] < n) & (tl.arange(0, IP)[None, None, :] < i)
    streams = tl.load(inputs + at, mask=inside & (row == 0), other=0.0)
    if TIME:
        streams += tl.load(along + at, mask=inside & (row == 1), other=0.0)
    if SP > 1 + TIME + SECOND:
        streams += tangent_rows(directions, points, n, d, k, 1 + TIME + SECOND, SP, IP, DIRECTIONS)
    return streams


@triton.jit
def row_of(streams, ROW: tl.constexpr, SP: tl.constexpr):
    """One row of every point, (BT, width)."""
    return tl.sum(tl.where(stream_rows(SP) == ROW, streams, 0.0), axis=1)


@triton.jit
def sum_of_tangents(streams, HEAD: tl.constexpr, SP: tl.constexpr):
    """The tangents along directions in x added up, (BT, width); rows of padding are zero."""
    return tl.sum(tl.where(stream_rows(SP) >= HEAD, streams, 0.0), axis=1)


@triton.jit
def activate(
    z, bias, layer, code,
    SP: tl.constexpr, TIME: tl.constexpr, SECOND: tl.constexpr, ACTIVATION: tl.constexpr,
):  # fmt: skip
    """Streams that leave an activation, from pre-activations without their bias."""
    row = stream_rows(SP)
    f, f1, f2, _ = derivatives(row_of(z, 0, SP) + bias[None, :], layer, code, ACTIVATION)
    h = tl.where(row == 0, f[:, None, :], f1[:, None, :] * z)
    if SECOND:
        bend = f2 * sum_of_tangents(z * z, 1 + TIME + SECOND, SP)
        h += tl.where(row == 1 + TIME, bend[:, None, :], 0.0)
    return h


@triton.jit
def pull_back(
    z, bias, g, layer, code,
    SP: tl.constexpr, TIME: tl.constexpr, SECOND: tl.constexpr, ACTIVATION: tl.constexpr,
):  # fmt: skip
    """Adjoints of the pre-activations from the adjoints g of the streams: the transpose of `activate`'s derivative."""
    row = stream_rows(SP)
    HEAD: tl.constexpr = 1 + TIME + SECOND
    _, f1, f2, f3 = derivatives(row_of(z, 0, SP) + bias[None, :], layer, code, ACTIVATION)
    zbar = f1[:, None, :] * g
    value = f2 * tl.sum(tl.where(row > 0, z * g, 0.0), axis=1)
    if SECOND:
        second = row_of(g, 1 + TIME, SP)
        value += f3 * second * sum_of_tangents(z * z, HEAD, SP)
        zbar += tl.where(row >= HEAD, (2.0 * f2 * second)[:, None, :] * z, 0.0)
    return zbar + tl.where(row == 0, value[:, None, :], 0.0)


@triton.jit
def push_forward(
    z, bias, zdot, bias_change, layer, code,
    SP: tl.constexpr, TIME: tl.constexpr, SECOND: tl.constexpr, ACTIVATION: tl.constexpr,
):  # fmt: skip
    """Streams that leave an activation, and their derivatives along a change of the pre-activations."""
    row = stream_rows(SP)
    HEAD: tl.constexpr = 1 + TIME + SECOND
    f, f1, f2, f3 = derivatives(row_of(z, 0, SP) + bias[None, :], layer, code, ACTIVATION)
    moved = row_of(zdot, 0, SP) + bias_change[None, :]
    h = tl.where(row == 0, f[:, None, :], f1[:, None, :] * z)
    hdot = tl.where(row == 0, (f1 * moved)[:, None, :], f1[:, None, :] * zdot + (f2 * moved)[:, None, :] * z)
    if SECOND:
        squares = sum_of_tangents(z * z, HEAD, SP)
        inner = sum_of_tangents(z * zdot, HEAD, SP)
        h += tl.where(row == 1 + TIME, (f2 * squares)[:, None, :], 0.0)
        hdot += tl.where(row == 1 + TIME, (2.0 * f2 * inner + f3 * moved * squares)[:, None, :], 0.0)
    return h, hdot
