// Products of rows with rows, 64 x 64 of them in a block of threads, for results of which only the tiles on
// and below the diagonal are computed.
#pragma once

#include <cmath>

#include "cuda/block_product.cuh"

namespace transjet::cuda {

// Both operands as their rows.
template <typename T>
struct RowSlices {
  static constexpr int kSide = kBlockRows * kDeepLine<T>, kSize = 2 * kSide;
  static constexpr std::size_t kBytes = 2 * kSize * sizeof(T);

  static TRANSJET_DEVICE T* left(int stage) { return reinterpret_cast<T*>(shared_memory()) + stage * kSize; }
  static TRANSJET_DEVICE T* right(int stage) { return left(stage) + kSide; }
};

// Of tiles (0, 0), (1, 0), (1, 1), (2, 0) ... number `index`.
struct LowerTile {
  int row, column;
};

TRANSJET_HOST_DEVICE LowerTile lower_tile(int index) {
  const auto rows_before = [](int row) { return static_cast<long long>(row) * (row + 1) / 2; };
  int row = static_cast<int>((std::sqrt(8.0F * static_cast<float>(index) + 1.0F) - 1.0F) / 2);
  while (rows_before(row) > index) --row;
  while (rows_before(row + 1) <= index) ++row;
  return {row, static_cast<int>(index - rows_before(row))};
}

inline unsigned lower_tiles(int rows) {
  return static_cast<unsigned>(static_cast<long long>(rows) * (rows + 1) / 2);
}

template <typename Policy>
TRANSJET_DEVICE void add_row_slice(BlockSums<Policy>& sums, int stage) {
  using T = typename Policy::Element;
  constexpr int kLine = kDeepLine<T>;
  const T* left = RowSlices<T>::left(stage) + BlockSums<Policy>::first_row() * kLine;
  const T* right = RowSlices<T>::right(stage) + BlockSums<Policy>::first_column() * kLine;
  TRANSJET_NO_UNROLL  // else operands of all steps are loaded ahead, into more registers than there are
      for (int k = 0; k < kSlice<T>; k += Policy::kDepth) {
    typename Policy::A a[kWarpTiles];
    TRANSJET_UNROLL
    for (int i = 0; i < kWarpTiles; ++i) a[i] = Policy::load_a(left + 16 * i * kLine + k, kLine, 1);
    TRANSJET_UNROLL
    for (int j = 0; j < kWarpColumns; ++j) {
      const typename Policy::B b = Policy::load_b(right + 8 * j * kLine + k, 1, kLine);
      TRANSJET_UNROLL
      for (int i = 0; i < kWarpTiles; ++i) Policy::multiply(sums.sum[i][j], a[i], b);
    }
  }
}

// Clears what this thread has copied past the last of `depth` columns: a row's padding.
template <typename T>
TRANSJET_DEVICE void clear_padding(T* tile, int depth) {
  if (depth >= kSlice<T>) return;
  visit_vectors<kBlockRows, kSlice<T>, T>([&](int row, int column) {
    for (int i = 0; i < 16 / static_cast<int>(sizeof(T)); ++i) {
      if (column + i >= depth) tile[row * kDeepLine<T> + column + i] = T(0);
    }
  });
}

// sums += products over columns [0, depth) of the rows that left(r) and right(r) point to, null for zeros.
template <typename Policy, typename Rows, typename Others>
TRANSJET_DEVICE void add_products_of_rows(BlockSums<Policy>& sums, int depth, Rows&& left, Others&& right) {
  using T = typename Policy::Element;
  const auto copy = [&](T* tile, int k, auto&& rows) {
    copy_tile<kBlockRows, kSlice<T>>(tile, kDeepLine<T>, depth - k, [&](int r) -> const T* {
      const T* row = rows(r);
      return row == nullptr ? nullptr : row + k;
    });
  };
  for_each_slice<T>(
      depth,
      [&](int stage, int k) {
        copy(RowSlices<T>::left(stage), k, left);
        copy(RowSlices<T>::right(stage), k, right);
      },
      [&](int stage, int k) {
        clear_padding(RowSlices<T>::left(stage), depth - k);
        clear_padding(RowSlices<T>::right(stage), depth - k);
      },
      [&](int stage, int) { add_row_slice(sums, stage); });
}

}  // namespace transjet::cuda
