"""Kernels to compile in tests; importing this needs Triton."""

import triton
import triton.language as tl


@triton.jit
def saxpy(x, y, out, n, a, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    tl.store(out + at, a * tl.load(x + at, inside) + tl.load(y + at, inside), inside)


@triton.jit
def matmul(a, b, c, WIDTH: tl.constexpr, PRECISION: tl.constexpr):
    rows = tl.arange(0, WIDTH)[:, None] * WIDTH + tl.arange(0, WIDTH)[None, :]
    tl.store(c + rows, tl.dot(tl.load(a + rows), tl.load(b + rows), input_precision=PRECISION))


@triton.jit
def broken(x, WIDTH: tl.constexpr):
    tl.static_assert(WIDTH == 1, "only one")
    tl.store(x, 0.0)
