"""J J^T of many streams: columns of J, assembled from factors, times their transpose.

From 17 streams on, products of inner products of factors (`gram`) would cost more: their work grows with the square of
the streams.
"""

import triton
import triton.language as tl


@triton.jit
def assemble(
    entering, leaving, columns, h_at, zbar_at, first,
    SP: tl.constexpr, PART: tl.constexpr, A: tl.constexpr, B: tl.constexpr, COLUMNS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """columns (points, PART, B): J of a layer's weights, those of its inputs [first, first + PART).

    Programs are (point, COLUMNS of the outputs).
    """
    point = tl.program_id(0)
    stream = point * SP + tl.arange(0, SP)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    h = tl.load(entering + h_at + first + stream[:, None] * A + tl.arange(0, PART)[None, :])
    zbar = tl.load(leaving + zbar_at + stream[:, None] * B + column[None, :])
    made = tl.dot(tl.trans(h), zbar, input_precision=PRECISION, out_dtype=h.dtype)
    tl.store(columns + (point * PART + tl.arange(0, PART)[:, None]) * B + column[None, :], made)


@triton.jit
def outer(
    columns, result, n, at, stride, is_added,
    BT: tl.constexpr, K: tl.constexpr, PIECE: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """result (n, n) = C C^T for rows of K numbers that are `stride` apart, or has it added.

    Programs are (tile, tile); those below the diagonal have nothing to do. Pieces of the columns are added up in the
    type of the result, which may be more precise.
    """
    i, j = tl.program_id(0), tl.program_id(1)
    if i <= j:
        STEP: tl.constexpr = min(PIECE, 32)
        row, other = i * BT + tl.arange(0, BT), j * BT + tl.arange(0, BT)
        column = tl.arange(0, STEP)[None, :]
        left = columns + at + row[:, None] * stride + column
        right = columns + at + other[:, None] * stride + column
        total = tl.zeros((BT, BT), result.dtype.element_ty)
        for begin in range(0, K, PIECE):
            part = tl.zeros((BT, BT), columns.dtype.element_ty)
            for step in range(begin, begin + PIECE, STEP):
                a = tl.load(left + step, mask=(row < n)[:, None], other=0.0)
                b = tl.load(right + step, mask=(other < n)[:, None], other=0.0)
                part = tl.dot(a, tl.trans(b), acc=part, input_precision=PRECISION, out_dtype=part.dtype)
            total += part.to(total.dtype)
        if i == j:
            total = 0.5 * (total + tl.trans(total))  # products of rows in either order may round differently
        inside = (row < n)[:, None] & (other < n)[None, :]
        if is_added != 0:
            total += tl.load(result + row[:, None] * n + other[None, :], mask=inside, other=0.0)
        tl.store(result + row[:, None] * n + other[None, :], total, mask=inside)
        if i != j:
            mirrored = (other < n)[:, None] & (row < n)[None, :]
            tl.store(result + other[:, None] * n + row[None, :], tl.trans(total), mask=mirrored)
