"""J v from factors: sum over layers of <Zbar, H V>, weighted, for several vectors at once."""

import triton
import triton.language as tl

from transjet_kernels.layers import bias_of, first_at, hidden_at, last_at, last_bias, product_of_rows


@triton.jit
def _rows(pointer, first, M: tl.constexpr, WIDTH: tl.constexpr):
    row = first + tl.arange(0, M)[:, None]
    return tl.load(pointer + row * WIDTH + tl.arange(0, WIDTH)[None, :])


@triton.jit
def _part(
    entering, leaving, first, matrix, bias,
    M: tl.constexpr, SP: tl.constexpr, A: tl.constexpr, B: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """<Zbar, H V + bias on the value stream> of rows [first, first + M), (M,)."""
    moved = product_of_rows(entering + first * A, matrix, M, A, B, 0, PRECISION)
    is_value = (tl.arange(0, M) % SP == 0)[:, None]
    return tl.sum(_rows(leaving, first, M, B) * (moved + tl.where(is_value, bias[None, :], 0.0)), axis=1)


@triton.jit
def contract(
    entering, leaving, vectors, start, weights, product,
    n, hidden, rows, size, has_start, has_weights,
    BT: tl.constexpr, SP: tl.constexpr, IP: tl.constexpr, W: tl.constexpr, DP: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """product[v] = weights (start[v] + J vectors[v]), (vectors, n); a vector is packed like parameters, `size` long."""
    M: tl.constexpr = BT * SP
    first = tl.program_id(0) * M
    vector = vectors + tl.program_id(1) * size
    bias = bias_of(vector, 0, hidden, IP, W, DP)
    total = _part(entering, leaving, first, first_at(vector), bias, M, SP, IP, W, PRECISION)
    h = entering + rows * IP
    for layer in range(1, hidden):
        bias = bias_of(vector, layer, hidden, IP, W, DP)
        zbar = leaving + layer * rows * W
        total += _part(h, zbar, first, hidden_at(vector, layer, IP, W), bias, M, SP, W, W, PRECISION)
        h += rows * W
    bias_change = last_bias(vector, hidden, IP, W, DP)
    zbar_last = leaving + hidden * rows * W
    total += _part(h, zbar_last, first, last_at(vector, hidden, IP, W), bias_change, M, SP, W, DP, PRECISION)

    points = tl.program_id(0) * BT + tl.arange(0, BT)
    result = tl.sum(tl.reshape(total, (BT, SP)), axis=1)
    at = tl.program_id(1) * n + points
    if has_start != 0:
        result += tl.load(start + at, mask=points < n, other=0.0)
    if has_weights != 0:
        result *= tl.load(weights + points, mask=points < n, other=0.0)
    tl.store(product + at, result, mask=points < n)
