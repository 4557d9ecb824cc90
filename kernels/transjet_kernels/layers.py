"""Packed parameters, as kernels read them, and products with them.

In this order: first (IP, W), hidden (hidden - 1, W, W), last (W, DP), biases of each.
"""

import triton
import triton.language as tl


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
def _block(pointer, row, STRIDE: tl.constexpr, K: tl.constexpr, N: tl.constexpr, TRANSPOSED: tl.constexpr):
    """Rows [row, row + K) of N columns of a matrix with rows of STRIDE numbers, or of its transpose."""
    if TRANSPOSED:
        at = tl.arange(0, N)[:, None] * STRIDE + (row + tl.arange(0, K))[None, :]
        return tl.trans(tl.load(pointer + at))
    else:
        at = (row + tl.arange(0, K))[:, None] * STRIDE + tl.arange(0, N)[None, :]
        return tl.load(pointer + at)


@triton.jit
def product_of_rows(
    rows, pointer, M: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, TRANSPOSED: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """M rows in memory times the matrix (ROWS, COLUMNS) at a pointer, or times its transpose, in steps."""
    K: tl.constexpr = COLUMNS if TRANSPOSED else ROWS
    N: tl.constexpr = ROWS if TRANSPOSED else COLUMNS
    STEP: tl.constexpr = min(K, 32)
    left = rows + tl.arange(0, M)[:, None] * K + tl.arange(0, STEP)[None, :]
    total = tl.zeros((M, N), rows.dtype.element_ty)
    for at in range(0, K, STEP):
        matrix = _block(pointer, at, COLUMNS, STEP, N, TRANSPOSED)
        total = tl.dot(tl.load(left + at), matrix, acc=total, input_precision=PRECISION, out_dtype=total.dtype)
    return total


@triton.jit
def product(
    a, staging, pointer, ROWS: tl.constexpr, COLUMNS: tl.constexpr, TRANSPOSED: tl.constexpr, PRECISION: tl.constexpr
):  # fmt: skip
    """(M, K) times the matrix (ROWS, COLUMNS) at a pointer, or times its transpose.

    A float32 product splits its operands in registers, and whole matrices of 128 rows would leave no room for anything
    else. So what has that many columns is written to the program's own M rows of `staging`, and read in steps.
    """
    M: tl.constexpr = a.shape[0]
    K: tl.constexpr = COLUMNS if TRANSPOSED else ROWS
    N: tl.constexpr = ROWS if TRANSPOSED else COLUMNS
    if K > 64:
        own = staging + tl.program_id(0) * M * K
        # The last product may still be reading, and other threads write what is read next.
        tl.debug_barrier()
        tl.store(own + tl.arange(0, M)[:, None] * K + tl.arange(0, K)[None, :], a)
        tl.debug_barrier()
        return product_of_rows(own, pointer, M, ROWS, COLUMNS, TRANSPOSED, PRECISION)
    else:
        matrix = _block(pointer, 0, COLUMNS, K, N, TRANSPOSED)
        return tl.dot(a, matrix, input_precision=PRECISION, out_dtype=a.dtype)


@triton.jit
def multiply(
    streams, staging, pointer,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, TRANSPOSED: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """The same for a tile (BT, SP, K)."""
    BT: tl.constexpr = streams.shape[0]
    SP: tl.constexpr = streams.shape[1]
    K: tl.constexpr = COLUMNS if TRANSPOSED else ROWS
    N: tl.constexpr = ROWS if TRANSPOSED else COLUMNS
    flat = tl.reshape(streams, (BT * SP, K))
    return tl.reshape(product(flat, staging, pointer, ROWS, COLUMNS, TRANSPOSED, PRECISION), (BT, SP, N))
