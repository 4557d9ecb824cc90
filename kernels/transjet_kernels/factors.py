"""Factors of a residual's Jacobian: streams that enter each layer, and adjoints of those that leave it.

With the residual's coefficients as cotangent, one sweep forward and one back give
J_l[n] = sum_s H_l[n, s] (x) Zbar_l[n, s].
Matrices have rows (point, stream), SP a point, padded to whole tiles; what padding holds is harmless, for its adjoints
are zero.

    entering   inputs (rows, IP), then what enters hidden layer 1, 2, ... and the last one: (rows, W) each
    leaving    adjoints of hidden layer 0, 1, ...: (rows, W) each, then of the outputs (rows, DP)

During the sweep forward, `leaving` holds the pre-activations.
"""

import triton
import triton.language as tl

from transjet_kernels.layers import bias_of, first_at, hidden_at, last_at, multiply
from transjet_kernels.streams import activate, load_inputs, pull_back, stream_rows, tangent_rows


@triton.jit
def _store(pointer, tile, BT: tl.constexpr, SP: tl.constexpr, WIDTH: tl.constexpr):
    row = (tl.program_id(0) * BT + tl.arange(0, BT)[:, None, None]) * SP + stream_rows(SP)
    tl.store(pointer + row * WIDTH + tl.arange(0, WIDTH)[None, None, :], tile)


@triton.jit
def _load(pointer, BT: tl.constexpr, SP: tl.constexpr, WIDTH: tl.constexpr):
    row = (tl.program_id(0) * BT + tl.arange(0, BT)[:, None, None]) * SP + stream_rows(SP)
    return tl.load(pointer + row * WIDTH + tl.arange(0, WIDTH)[None, None, :])


@triton.jit
def output_weights(
    c_value, c_second, directions, points, n, d, k,
    SP: tl.constexpr, DP: tl.constexpr, TIME: tl.constexpr, SECOND: tl.constexpr, VECTOR: tl.constexpr,
    DIRECTIONS: tl.constexpr,
):  # fmt: skip
    """Weights of the output streams whose sum is c . jet, (BT, SP, DP).

    The tangent in time moves along (c_grad, c_dt dtau), so that its weight is one.
    """
    row = stream_rows(SP)
    column = tl.arange(0, DP)[None, None, :]
    at = points[:, None, None]
    if VECTOR:
        weights = tl.load(c_value + at * d + column, mask=(at < n) & (column < d) & (row == 0), other=0.0)
        second = tl.load(c_second + points, mask=points < n, other=0.0)[:, None, None]
        return weights + second * tangent_rows(directions, points, n, d, k, 1, SP, DP, DIRECTIONS)
    else:
        inside = (at < n) & (column == 0)
        weights = tl.load(c_value + at + 0 * row, mask=inside & (row == 0), other=0.0)
        if SECOND:
            weights += tl.load(c_second + at + 0 * row, mask=inside & (row == 2), other=0.0)
        return tl.where(inside & (row == 1), 1.0, weights)


@triton.jit
def factors(
    inputs, along, directions, parameters, c_value, c_second, staging, entering, leaving,
    n, d, i, k, hidden, code, rows,
    BT: tl.constexpr, SP: tl.constexpr, IP: tl.constexpr, W: tl.constexpr, DP: tl.constexpr,
    TIME: tl.constexpr, SECOND: tl.constexpr, VECTOR: tl.constexpr, DIRECTIONS: tl.constexpr,
    ACTIVATION: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Factors of a tile of points."""
    points = tl.program_id(0) * BT + tl.arange(0, BT)
    h = load_inputs(inputs, along, directions, points, n, d, i, k, SP, IP, TIME, SECOND, DIRECTIONS)
    _store(entering, h, BT, SP, IP)
    z = multiply(h, staging, first_at(parameters), IP, W, 0, PRECISION)
    for layer in range(0, hidden - 1):
        _store(leaving + layer * rows * W, z, BT, SP, W)
        bias = bias_of(parameters, layer, hidden, IP, W, DP)
        left = activate(z, bias, layer, code, SP, TIME, SECOND, ACTIVATION)
        _store(entering + rows * IP + layer * rows * W, left, BT, SP, W)
        z = multiply(left, staging, hidden_at(parameters, layer + 1, IP, W), W, W, 0, PRECISION)
    top = hidden - 1
    last_shift = bias_of(parameters, top, hidden, IP, W, DP)
    left = activate(z, last_shift, top, code, SP, TIME, SECOND, ACTIVATION)
    _store(entering + rows * IP + top * rows * W, left, BT, SP, W)

    ends = output_weights(c_value, c_second, directions, points, n, d, k, SP, DP, TIME, SECOND, VECTOR, DIRECTIONS)
    _store(leaving + hidden * rows * W, ends, BT, SP, DP)
    g = multiply(ends, staging, last_at(parameters, hidden, IP, W), W, DP, 1, PRECISION)
    zbar = pull_back(z, last_shift, g, top, code, SP, TIME, SECOND, ACTIVATION)
    _store(leaving + top * rows * W, zbar, BT, SP, W)
    # Other threads of the program wrote what is read below.
    tl.debug_barrier()
    for step in range(0, hidden - 1):
        layer = hidden - 2 - step
        g = multiply(zbar, staging, hidden_at(parameters, layer + 1, IP, W), W, W, 1, PRECISION)
        z = _load(leaving + layer * rows * W, BT, SP, W)
        bias = bias_of(parameters, layer, hidden, IP, W, DP)
        zbar = pull_back(z, bias, g, layer, code, SP, TIME, SECOND, ACTIVATION)
        # Nobody may overwrite pre-activations that are still to be read.
        tl.debug_barrier()
        _store(leaving + layer * rows * W, zbar, BT, SP, W)
