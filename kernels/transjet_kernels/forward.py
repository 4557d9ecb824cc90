"""The jets by streams, through all hidden layers of a tile of points at once."""

import triton
import triton.language as tl

from transjet_kernels.layers import bias_of, first_at, hidden_at, last_at, last_bias, multiply
from transjet_kernels.streams import activate, load_inputs, row_of, stream_rows, tangent_rows


@triton.jit
def sweep(
    inputs, along, directions, parameters, staging, points, n, d, i, k, hidden, code,
    BT: tl.constexpr, SP: tl.constexpr, IP: tl.constexpr, W: tl.constexpr, DP: tl.constexpr,
    TIME: tl.constexpr, SECOND: tl.constexpr, DIRECTIONS: tl.constexpr, ACTIVATION: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Streams that leave the last hidden layer, (BT, SP, W)."""
    h = load_inputs(inputs, along, directions, points, n, d, i, k, SP, IP, TIME, SECOND, DIRECTIONS)
    z = multiply(h, staging, first_at(parameters), IP, W, 0, PRECISION)
    h = activate(z, bias_of(parameters, 0, hidden, IP, W, DP), 0, code, SP, TIME, SECOND, ACTIVATION)
    for layer in range(1, hidden):
        z = multiply(h, staging, hidden_at(parameters, layer, IP, W), W, W, 0, PRECISION)
        h = activate(z, bias_of(parameters, layer, hidden, IP, W, DP), layer, code, SP, TIME, SECOND, ACTIVATION)
    return h


@triton.jit
def store_scalar(outputs, result, points, n, streams, SP: tl.constexpr):
    """Output 0 of every stream, (n, streams)."""
    row = tl.arange(0, SP)[None, :]
    first = tl.sum(tl.where(tl.arange(0, outputs.shape[2])[None, None, :] == 0, outputs, 0.0), axis=2)
    tl.store(result + points[:, None] * streams + row, first, mask=(points[:, None] < n) & (row < streams))


@triton.jit
def store_vector(
    outputs, value, divergence, directions, points, n, d, k,
    SP: tl.constexpr, DP: tl.constexpr, DIRECTIONS: tl.constexpr,
):  # fmt: skip
    """The value (n, d), and the divergence: every tangent's outputs along its direction."""
    column = tl.arange(0, DP)[None, :]
    inside = (points[:, None] < n) & (column < d)
    tl.store(value + points[:, None] * d + column, row_of(outputs, 0, SP), mask=inside)
    rows = outputs * tangent_rows(directions, points, n, d, k, 1, SP, DP, DIRECTIONS)
    tl.store(divergence + points, tl.sum(tl.sum(rows, axis=2), axis=1), mask=points < n)


@triton.jit
def forward_scalar(
    inputs, along, directions, parameters, staging, result, n, d, i, k, hidden, code, streams,
    BT: tl.constexpr, SP: tl.constexpr, IP: tl.constexpr, W: tl.constexpr, DP: tl.constexpr,
    TIME: tl.constexpr, SECOND: tl.constexpr, DIRECTIONS: tl.constexpr, ACTIVATION: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """A scalar network's streams, (n, streams)."""
    points = tl.program_id(0) * BT + tl.arange(0, BT)
    h = sweep(
        inputs, along, directions, parameters, staging, points, n, d, i, k, hidden, code,
        BT, SP, IP, W, DP, TIME, SECOND, DIRECTIONS, ACTIVATION, PRECISION,
    )  # fmt: skip
    outputs = multiply(h, staging, last_at(parameters, hidden, IP, W), W, DP, 0, PRECISION)
    bias = last_bias(parameters, hidden, IP, W, DP)[None, None, :]
    store_scalar(outputs + tl.where(stream_rows(SP) == 0, bias, 0.0), result, points, n, streams, SP)


@triton.jit
def forward_vector(
    inputs, directions, parameters, staging, value, divergence, n, d, i, k, hidden, code,
    BT: tl.constexpr, SP: tl.constexpr, IP: tl.constexpr, W: tl.constexpr, DP: tl.constexpr,
    DIRECTIONS: tl.constexpr, ACTIVATION: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """A vector network's value (n, d) and divergence (n)."""
    points = tl.program_id(0) * BT + tl.arange(0, BT)
    h = sweep(
        inputs, inputs, directions, parameters, staging, points, n, d, i, k, hidden, code,
        BT, SP, IP, W, DP, 0, 0, DIRECTIONS, ACTIVATION, PRECISION,
    )  # fmt: skip
    outputs = multiply(h, staging, last_at(parameters, hidden, IP, W), W, DP, 0, PRECISION)
    bias = last_bias(parameters, hidden, IP, W, DP)[None, None, :]
    outputs += tl.where(stream_rows(SP) == 0, bias, 0.0)
    store_vector(outputs, value, divergence, directions, points, n, d, k, SP, DP, DIRECTIONS)
