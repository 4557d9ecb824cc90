// A block's product of 64 x 64 elements: operands come through shared memory in slices, two at a time, and
// each of four warps keeps 32 x 32 sums in registers.
#pragma once

#include "cuda/policies.cuh"
#include "cuda/products.h"

namespace transjet::cuda {

inline constexpr int kBlockThreads = 128;
inline constexpr int kWarpTiles = 2, kWarpColumns = 4;  // 16 x 8 tiles of a warp, down and across

template <typename T>
inline constexpr int kSlice = 128 / static_cast<int>(sizeof(T));  // depth of a slice
// Distances of rows in shared memory that keep the lanes of a warp on different banks.
template <typename T>
inline constexpr int kDeepLine = kSlice<T> + 4;  // [row][depth]
template <typename T>
inline constexpr int kWideLine = kBlockColumns + (sizeof(T) == 4 ? 8 : 4);  // [depth][row or column]

// How a slice of the left operand lies in shared memory: as its rows, or transposed.
enum class Left { kRows, kTransposed };

template <typename T, Left kLeft>
struct Slices {
  static constexpr int kLeftSize =
      kLeft == Left::kRows ? kBlockRows * kDeepLine<T> : kSlice<T> * kWideLine<T>;
  static constexpr int kSize = kLeftSize + kSlice<T> * kWideLine<T>;
  static constexpr std::size_t kBytes = 2 * kSize * sizeof(T);

  static TRANSJET_DEVICE T* left(int stage) { return reinterpret_cast<T*>(shared_memory()) + stage * kSize; }
  static TRANSJET_DEVICE T* right(int stage) { return left(stage) + kLeftSize; }
};

// Calls visit(row, column) for the vectors of a tile that this thread copies.
template <int kRows, int kColumns, typename T, typename Visit>
TRANSJET_DEVICE void visit_vectors(Visit&& visit) {
  constexpr int kVectors = kColumns * static_cast<int>(sizeof(T)) / 16;
  TRANSJET_UNROLL
  for (int i = 0; i < kRows * kVectors; i += kBlockThreads) {
    const int at = i + static_cast<int>(threadIdx.x);
    visit(at / kVectors, at % kVectors * (16 / static_cast<int>(sizeof(T))));
  }
}

// Starts to copy a tile; row r comes from source(r), and is zero where that is null or past `columns`.
template <int kRows, int kColumns, typename T, typename Source>
TRANSJET_DEVICE void copy_tile(T* tile, int line, int columns, Source&& source) {
  visit_vectors<kRows, kColumns, T>([&](int row, int column) {
    T* to = tile + row * line + column;
    const T* from = source(row);
    if (from != nullptr && column < columns) return cp_async16(to, from + column);
    for (int i = 0; i < 16 / static_cast<int>(sizeof(T)); ++i) to[i] = T(0);
  });
}

template <typename Policy>
struct BlockSums {
  using T = typename Policy::Element;
  typename Policy::Sum sum[kWarpTiles][kWarpColumns];

  TRANSJET_DEVICE void clear() {
    TRANSJET_UNROLL
    for (int i = 0; i < kWarpTiles; ++i) {
      TRANSJET_UNROLL
      for (int j = 0; j < kWarpColumns; ++j) cuda::clear(sum[i][j]);
    }
  }

  static TRANSJET_DEVICE int first_row() { return warp_index() / 2 * 16 * kWarpTiles; }
  static TRANSJET_DEVICE int first_column() { return warp_index() % 2 * 8 * kWarpColumns; }

  template <Left kLeft>
  TRANSJET_DEVICE void add_slice(int stage) {
    const T* left = Slices<T, kLeft>::left(stage);
    const T* right = Slices<T, kLeft>::right(stage) + first_column();
    constexpr int kRow = kLeft == Left::kRows ? kDeepLine<T> : 1;
    constexpr int kDepth = kLeft == Left::kRows ? 1 : kWideLine<T>;
    TRANSJET_UNROLL
    for (int k = 0; k < kSlice<T>; k += Policy::kDepth) {
      typename Policy::A a[kWarpTiles];
      TRANSJET_UNROLL
      for (int i = 0; i < kWarpTiles; ++i)
        a[i] = Policy::load_a(left + (first_row() + 16 * i) * kRow + k * kDepth, kRow, kDepth);
      TRANSJET_UNROLL
      for (int j = 0; j < kWarpColumns; ++j) {
        const typename Policy::B b = Policy::load_b(right + k * kWideLine<T> + 8 * j, kWideLine<T>, 1);
        TRANSJET_UNROLL
        for (int i = 0; i < kWarpTiles; ++i) Policy::multiply(sum[i][j], a[i], b);
      }
    }
  }

  // Calls visit(row, column, value&), within the block, for this thread's sums.
  template <typename Visit>
  TRANSJET_DEVICE void visit(Visit&& visit) {
    TRANSJET_UNROLL
    for (int i = 0; i < kWarpTiles; ++i) {
      TRANSJET_UNROLL
      for (int j = 0; j < kWarpColumns; ++j) {
        visit_sums(sum[i][j], [&](int row, int column, T& value) {
          visit(first_row() + 16 * i + row, first_column() + 8 * j + column, value);
        });
      }
    }
  }
};

// Goes through the slices of [0, depth): copy(stage, k) starts to copy one, arrived(stage, k) may change what
// this thread has copied, and use(stage, k) sees all of it.
template <typename T, typename Copy, typename Arrived, typename Use>
TRANSJET_DEVICE void for_each_slice(int depth, Copy&& copy, Arrived&& arrived, Use&& use) {
  if (depth > 0) copy(0, 0);
  cp_async_commit();
  TRANSJET_NO_UNROLL
  for (int k = 0, stage = 0; k < depth; k += kSlice<T>, stage = 1 - stage) {
    if (k + kSlice<T> < depth) copy(1 - stage, k + kSlice<T>);
    cp_async_commit();
    cp_async_wait<1>();
    arrived(stage, k);
    sync_threads();
    use(stage, k);
    sync_threads();
  }
}

}  // namespace transjet::cuda
