// Products of rows with a layer's packed weights.
#pragma once

#include "cuda/block_product.cuh"
#include "cuda/products.h"

namespace transjet::cuda {

// sums += rows [row, row + 64) of a times columns [column, column + 64) of b.
template <typename Policy, typename T>
TRANSJET_DEVICE void add_rows_times(BlockSums<Policy>& sums, const T* a, int a_line, const RowMap& a_rows,
                                    int rows, const T* b, int b_line, int columns, int depth, int row,
                                    int column) {
  using Stage = Slices<T, Left::kRows>;
  for_each_slice<T>(
      depth,
      [&](int stage, int k) {
        copy_tile<kBlockRows, kSlice<T>>(Stage::left(stage), kDeepLine<T>, depth - k, [&](int r) -> const T* {
          if (row + r >= rows) return nullptr;
          return a + offset_of(a_rows(row + r), a_line) + k;
        });
        copy_tile<kSlice<T>, kBlockColumns>(Stage::right(stage), kWideLine<T>, columns - column,
                                            [&](int r) -> const T* {
                                              if (k + r >= depth) return nullptr;
                                              return b + offset_of(k + r, b_line) + column;
                                            });
      },
      [](int, int) {}, [&](int stage, int) { sums.template add_slice<Left::kRows>(stage); });
}

template <typename Policy>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kBlockThreads, 3)
    multiply_kernel(Product<typename Policy::Element> product) {
  using T = typename Policy::Element;
  const int row = static_cast<int>(blockIdx.x) * kBlockRows;
  const int column = static_cast<int>(blockIdx.y) * kBlockColumns;
  BlockSums<Policy> sums;
  sums.clear();
  add_rows_times(sums, product.a, product.a_line, product.a_rows, product.rows, product.b, product.b_line,
                 product.columns, product.depth, row, column);
  sums.visit([&](int r, int c, T& value) {
    if (row + r >= product.rows || column + c >= product.columns) return;
    T* to = product.c + offset_of(row + r, product.c_line) + column + c;
    *to = product.add ? *to + value : value;
  });
}

template <typename Policy>
void multiply_with(Queue& queue, const Product<typename Policy::Element>& product) {
  const dim3 grid(static_cast<unsigned>((product.rows + kBlockRows - 1) / kBlockRows),
                  static_cast<unsigned>((product.columns + kBlockColumns - 1) / kBlockColumns));
  queue.launch(multiply_kernel<Policy>, grid, kBlockThreads,
               Slices<typename Policy::Element, Left::kRows>::kBytes, product);
}

}  // namespace transjet::cuda
