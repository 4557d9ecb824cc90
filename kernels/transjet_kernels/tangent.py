"""Derivatives of the jets along a change of the parameters: streams and their change together."""

import triton
import triton.language as tl

from transjet_kernels.forward import store_scalar, store_vector
from transjet_kernels.layers import bias_of, first_at, hidden_at, last_at, last_bias, multiply
from transjet_kernels.streams import load_inputs, push_forward, stream_rows


@triton.jit
def sweep_tangent(
    inputs, along, directions, parameters, change, staging, points, n, d, i, k, hidden, code,
    BT: tl.constexpr, SP: tl.constexpr, IP: tl.constexpr, W: tl.constexpr, DP: tl.constexpr,
    TIME: tl.constexpr, SECOND: tl.constexpr, DIRECTIONS: tl.constexpr, ACTIVATION: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """The change of the output streams, (BT, SP, DP)."""
    h = load_inputs(inputs, along, directions, points, n, d, i, k, SP, IP, TIME, SECOND, DIRECTIONS)
    z = multiply(h, staging, first_at(parameters), IP, W, 0, PRECISION)
    zdot = multiply(h, staging, first_at(change), IP, W, 0, PRECISION)
    bias = bias_of(parameters, 0, hidden, IP, W, DP)
    bias_change = bias_of(change, 0, hidden, IP, W, DP)
    h, hdot = push_forward(z, bias, zdot, bias_change, 0, code, SP, TIME, SECOND, ACTIVATION)
    for layer in range(1, hidden):
        weights = hidden_at(parameters, layer, IP, W)
        z = multiply(h, staging, weights, W, W, 0, PRECISION)
        zdot = multiply(hdot, staging, weights, W, W, 0, PRECISION)
        zdot += multiply(h, staging, hidden_at(change, layer, IP, W), W, W, 0, PRECISION)
        bias = bias_of(parameters, layer, hidden, IP, W, DP)
        bias_change = bias_of(change, layer, hidden, IP, W, DP)
        h, hdot = push_forward(z, bias, zdot, bias_change, layer, code, SP, TIME, SECOND, ACTIVATION)
    outputs = multiply(hdot, staging, last_at(parameters, hidden, IP, W), W, DP, 0, PRECISION)
    outputs += multiply(h, staging, last_at(change, hidden, IP, W), W, DP, 0, PRECISION)
    moved = last_bias(change, hidden, IP, W, DP)[None, None, :]
    return outputs + tl.where(stream_rows(SP) == 0, moved, 0.0)


@triton.jit
def tangent_scalar(
    inputs, along, directions, parameters, change, staging, result, n, d, i, k, hidden, code, streams,
    BT: tl.constexpr, SP: tl.constexpr, IP: tl.constexpr, W: tl.constexpr, DP: tl.constexpr,
    TIME: tl.constexpr, SECOND: tl.constexpr, DIRECTIONS: tl.constexpr, ACTIVATION: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """The change of a scalar network's streams, (n, streams)."""
    points = tl.program_id(0) * BT + tl.arange(0, BT)
    outputs = sweep_tangent(
        inputs, along, directions, parameters, change, staging, points, n, d, i, k, hidden, code,
        BT, SP, IP, W, DP, TIME, SECOND, DIRECTIONS, ACTIVATION, PRECISION,
    )  # fmt: skip
    store_scalar(outputs, result, points, n, streams, SP)


@triton.jit
def tangent_vector(
    inputs, directions, parameters, change, staging, value, divergence, n, d, i, k, hidden, code,
    BT: tl.constexpr, SP: tl.constexpr, IP: tl.constexpr, W: tl.constexpr, DP: tl.constexpr,
    DIRECTIONS: tl.constexpr, ACTIVATION: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The change of a vector network's value (n, d) and divergence (n)."""
    points = tl.program_id(0) * BT + tl.arange(0, BT)
    outputs = sweep_tangent(
        inputs, inputs, directions, parameters, change, staging, points, n, d, i, k, hidden, code,
        BT, SP, IP, W, DP, 0, 0, DIRECTIONS, ACTIVATION, PRECISION,
    )  # fmt: skip
    store_vector(outputs, value, divergence, directions, points, n, d, k, SP, DP, DIRECTIONS)
