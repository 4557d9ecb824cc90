"""J J^T from factors: <J[n], J[m]> = sum over layers and streams of (H[n, s] . H[m, s']) (Zbar[n, s] . Zbar[m, s'])."""

import triton
import triton.language as tl


@triton.jit
def _products(matrix, first, second, M: tl.constexpr, WIDTH: tl.constexpr, PRECISION: tl.constexpr):
    """Products of M rows with M others, (M, M), over some columns at a time."""
    STEP: tl.constexpr = min(WIDTH, 32)
    left = matrix + (first + tl.arange(0, M))[:, None] * WIDTH + tl.arange(0, STEP)[None, :]
    right = matrix + (second + tl.arange(0, M))[:, None] * WIDTH + tl.arange(0, STEP)[None, :]
    total = tl.zeros((M, M), matrix.dtype.element_ty)
    for at in range(0, WIDTH, STEP):
        transposed = tl.trans(tl.load(right + at))
        total = tl.dot(tl.load(left + at), transposed, acc=total, input_precision=PRECISION, out_dtype=total.dtype)
    return total


@triton.jit
def _part(
    h, zbar, first, second, M: tl.constexpr, BT: tl.constexpr, SP: tl.constexpr, A: tl.constexpr, B: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """One layer's products of all points of two tiles, (BT, BT). A bias is an input that is 1 on the value stream."""
    streams = _products(h, first, second, M, A, PRECISION)
    is_value = tl.arange(0, M) % SP == 0
    streams += tl.where(is_value[:, None] & is_value[None, :], 1.0, 0.0).to(streams.dtype)
    streams *= _products(zbar, first, second, M, B, PRECISION)
    return tl.sum(tl.sum(tl.reshape(streams, (BT, SP, BT, SP)), axis=3), axis=1)


@triton.jit
def gram(
    entering, leaving, result, n, hidden, rows, is_added,
    BT: tl.constexpr, SP: tl.constexpr, IP: tl.constexpr, W: tl.constexpr, DP: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """result (n, n) = J J^T, or has it added. Programs are (tile, tile); those below the diagonal have nothing to do.

    Layers are added up in the type of the result, which may be more precise.
    """
    i, j = tl.program_id(0), tl.program_id(1)
    if i <= j:
        M: tl.constexpr = BT * SP
        ty = result.dtype.element_ty
        total = _part(entering, leaving, i * M, j * M, M, BT, SP, IP, W, PRECISION).to(ty)
        for layer in range(1, hidden):
            h = entering + rows * IP + (layer - 1) * rows * W
            zbar = leaving + layer * rows * W
            total += _part(h, zbar, i * M, j * M, M, BT, SP, W, W, PRECISION).to(ty)
        last_h = entering + rows * IP + (hidden - 1) * rows * W
        last_zbar = leaving + hidden * rows * W
        total += _part(last_h, last_zbar, i * M, j * M, M, BT, SP, W, DP, PRECISION).to(ty)
        if i == j:
            total = 0.5 * (total + tl.trans(total))  # products of rows in either order may round differently
        row = (i * BT + tl.arange(0, BT))[:, None]
        column = (j * BT + tl.arange(0, BT))[None, :]
        inside = (row < n) & (column < n)
        if is_added != 0:
            total += tl.load(result + row * n + column, mask=inside, other=0.0)
        tl.store(result + row * n + column, total, mask=inside)
        if i != j:
            tl.store(result + column * n + row, total, mask=inside)
