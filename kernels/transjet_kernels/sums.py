"""J^T u from factors: sums over rows of H^T (u Zbar), split over blocks of rows, then added up in a fixed order."""

import triton
import triton.language as tl


@triton.jit
def sums(
    entering, leaving, scale, partial,
    n, rows, blocks, size, h_at, zbar_at, weight_at, bias_at, has_scale,
    M: tl.constexpr, SP: tl.constexpr, A: tl.constexpr, B: tl.constexpr, COLUMNS: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """The (A, B) sum of one of several layers alike, over `blocks` blocks of M rows, COLUMNS columns of it.

    partial is (vectors, splits, size), packed like parameters. Programs are (split, layer and columns, vector).
    """
    split, vector = tl.program_id(0), tl.program_id(2)
    layer = tl.program_id(1) // (B // COLUMNS)
    column = tl.program_id(1) % (B // COLUMNS) * COLUMNS + tl.arange(0, COLUMNS)
    h_at += layer * rows * A
    zbar_at += layer * rows * B
    row = tl.arange(0, M)
    weight = tl.zeros((A, COLUMNS), entering.dtype.element_ty)
    bias = tl.zeros((COLUMNS,), entering.dtype.element_ty)
    begin = split * blocks
    for block in range(begin, tl.minimum(begin + blocks, rows // M)):
        at = block * M + row
        h = tl.load(entering + h_at + at[:, None] * A + tl.arange(0, A)[None, :])
        zbar = tl.load(leaving + zbar_at + at[:, None] * B + column[None, :])
        if has_scale != 0:
            point = at // SP
            zbar *= tl.load(scale + vector * n + point, mask=point < n, other=0.0)[:, None]
        weight += tl.dot(tl.trans(h), zbar, input_precision=PRECISION, out_dtype=h.dtype)
        bias += tl.sum(tl.where((at % SP == 0)[:, None], zbar, 0.0), axis=0)
    to = partial + (vector * tl.num_programs(0) + split) * size
    tl.store(to + weight_at + layer * A * B + tl.arange(0, A)[:, None] * B + column[None, :], weight)
    tl.store(to + bias_at + layer * B + column, bias)


@triton.jit
def reduce(partial, result, splits, size, BLOCK: tl.constexpr):
    """result (vectors, size): partial (vectors, splits, size) added up over the splits, in their order."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    vector = tl.program_id(1)
    total = tl.zeros((BLOCK,), result.dtype.element_ty)
    for split in range(0, splits):
        total += tl.load(partial + (vector * splits + split) * size + at, mask=at < size, other=0.0)
    tl.store(result + vector * size + at, total, mask=at < size)
