"""Value and gradient of a scalar network by one sweep forward and one back: one row a point, in any dimension."""

import triton
import triton.language as tl

from transjet_kernels.activations import derivatives
from transjet_kernels.layers import bias_of, first_at, hidden_at, last_at, last_bias, product


@triton.jit
def _rows(points, WIDTH: tl.constexpr):
    return points[:, None] * WIDTH + tl.arange(0, WIDTH)[None, :]


@triton.jit
def reverse(
    inputs, parameters, staging, slopes, value, gradient, n, i, hidden, code, rows,
    BT: tl.constexpr, IP: tl.constexpr, W: tl.constexpr, DP: tl.constexpr, ACTIVATION: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """Value (n) and gradient with respect to (x, tau), (n, i). `slopes` (hidden - 1, rows, W) is working memory."""
    points = tl.program_id(0) * BT + tl.arange(0, BT)
    column = tl.arange(0, IP)[None, :]
    at = points[:, None] * i + column
    inside = (points[:, None] < n) & (column < i)
    x = tl.load(inputs + at, mask=inside, other=0.0)
    z = product(x, staging, first_at(parameters), IP, W, 0, PRECISION)
    for layer in range(0, hidden - 1):
        bias = bias_of(parameters, layer, hidden, IP, W, DP)[None, :]
        h, slope, _, _ = derivatives(z + bias, layer, code, ACTIVATION)
        tl.store(slopes + layer * rows * W + _rows(points, W), slope)
        z = product(h, staging, hidden_at(parameters, layer + 1, IP, W), W, W, 0, PRECISION)
    bias = bias_of(parameters, hidden - 1, hidden, IP, W, DP)[None, :]
    h, slope, _, _ = derivatives(z + bias, hidden - 1, code, ACTIVATION)

    weights = tl.load(last_at(parameters, hidden, IP, W) + tl.arange(0, W) * DP)[None, :]
    shift = tl.sum(tl.where(tl.arange(0, DP) == 0, last_bias(parameters, hidden, IP, W, DP), 0.0), axis=0)
    tl.store(value + points, tl.sum(h * weights, axis=1) + shift, mask=points < n)
    zbar = slope * weights
    # Other threads of the program wrote what is read below.
    tl.debug_barrier()
    for step in range(0, hidden - 1):
        layer = hidden - 2 - step
        g = product(zbar, staging, hidden_at(parameters, layer + 1, IP, W), W, W, 1, PRECISION)
        zbar = g * tl.load(slopes + layer * rows * W + _rows(points, W))
    tl.store(gradient + at, product(zbar, staging, first_at(parameters), IP, W, 1, PRECISION), mask=inside)
