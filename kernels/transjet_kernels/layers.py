"""Packed parameters, as kernels read them, and products with them.

In this order: first (IP, W), hidden (hidden - 1, W, W), last (W, DP), biases of each.
"""

import triton
import triton.language as tl

# A float32 product splits its operands in registers: whole matrices of 128 x 128 would not leave room for the streams.
BLOCK: tl.constexpr = tl.constexpr(64)


@triton.jit
def first_at(parameters):
    """Where the weights of the first layer are, (IP, W)."""
    return parameters


@triton.jit
def hidden_at(parameters, layer, IP: tl.constexpr, W: tl.constexpr):
    """Where the weights of hidden layer `layer` >= 1 are, (W, W)."""
    return parameters + IP * W + (layer - 1) * W * W


@triton.jit
def last_at(parameters, hidden, IP: tl.constexpr, W: tl.constexpr):
    """Where the weights of the last layer are, (W, DP)."""
    return parameters + IP * W + (hidden - 1) * W * W


@triton.jit
def bias_of(parameters, layer, hidden, IP: tl.constexpr, W: tl.constexpr, DP: tl.constexpr):
    """Bias of hidden layer `layer` >= 0, (W,)."""
    return tl.load(parameters + IP * W + (hidden - 1) * W * W + W * DP + layer * W + tl.arange(0, W))


@triton.jit
def last_bias(parameters, hidden, IP: tl.constexpr, W: tl.constexpr, DP: tl.constexpr):
    """Bias of the last layer, (DP,)."""
    return tl.load(parameters + IP * W + (hidden - 1) * W * W + W * DP + hidden * W + tl.arange(0, DP))


@triton.jit
def _block(
    pointer, row, column, STRIDE: tl.constexpr, K: tl.constexpr, N: tl.constexpr, TRANSPOSED: tl.constexpr
):  # fmt: skip
    """Block (K, N) at (row, column) of a matrix with rows of STRIDE numbers, or of its transpose."""
    if TRANSPOSED:
        at = (column + tl.arange(0, N))[:, None] * STRIDE + (row + tl.arange(0, K))[None, :]
        return tl.trans(tl.load(pointer + at))
    else:
        at = (row + tl.arange(0, K))[:, None] * STRIDE + (column + tl.arange(0, N))[None, :]
        return tl.load(pointer + at)


@triton.jit
def _columns(
    a, pointer, column,
    STRIDE: tl.constexpr, K: tl.constexpr, N: tl.constexpr, TRANSPOSED: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Columns [column, column + N) of a product."""
    if K > BLOCK:
        M: tl.constexpr = a.shape[0]
        HALF: tl.constexpr = K // 2
        left, right = tl.split(tl.permute(tl.reshape(a, (M, 2, HALF)), (0, 2, 1)))
        part = tl.dot(
            left, _block(pointer, 0, column, STRIDE, HALF, N, TRANSPOSED), input_precision=PRECISION, out_dtype=a.dtype
        )
        return tl.dot(
            right, _block(pointer, HALF, column, STRIDE, HALF, N, TRANSPOSED), acc=part,
            input_precision=PRECISION, out_dtype=a.dtype,
        )  # fmt: skip
    else:
        matrix = _block(pointer, 0, column, STRIDE, K, N, TRANSPOSED)
        return tl.dot(a, matrix, input_precision=PRECISION, out_dtype=a.dtype)


@triton.jit
def product(
    a, pointer, ROWS: tl.constexpr, COLUMNS: tl.constexpr, TRANSPOSED: tl.constexpr, PRECISION: tl.constexpr
):  # fmt: skip
    """(M, K) times the matrix (ROWS, COLUMNS) at a pointer, or times its transpose; both sizes are at most 128."""
    K: tl.constexpr = COLUMNS if TRANSPOSED else ROWS
    N: tl.constexpr = ROWS if TRANSPOSED else COLUMNS
    if N > BLOCK:
        M: tl.constexpr = a.shape[0]
        HALF: tl.constexpr = N // 2
        left = _columns(a, pointer, 0, COLUMNS, K, HALF, TRANSPOSED, PRECISION)
        right = _columns(a, pointer, HALF, COLUMNS, K, HALF, TRANSPOSED, PRECISION)
        return tl.reshape(tl.permute(tl.join(left, right), (0, 2, 1)), (M, N))
    else:
        return _columns(a, pointer, 0, COLUMNS, K, N, TRANSPOSED, PRECISION)


@triton.jit
def multiply(
    streams, pointer, ROWS: tl.constexpr, COLUMNS: tl.constexpr, TRANSPOSED: tl.constexpr, PRECISION: tl.constexpr
):  # fmt: skip
    """The same for a tile (BT, SP, K)."""
    BT: tl.constexpr = streams.shape[0]
    SP: tl.constexpr = streams.shape[1]
    K: tl.constexpr = COLUMNS if TRANSPOSED else ROWS
    N: tl.constexpr = ROWS if TRANSPOSED else COLUMNS
    flat = tl.reshape(streams, (BT * SP, K))
    return tl.reshape(product(flat, pointer, ROWS, COLUMNS, TRANSPOSED, PRECISION), (BT, SP, N))
