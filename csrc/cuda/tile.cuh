// A tile of rows in shared memory, and its product with a square matrix of packed weights.
//
// All of the product's sums are in registers, so that it can replace the tile after one barrier. The weights
// come through shared memory in slices; the next one is on its way while one is multiplied.
#pragma once

#include "cuda/policies.cuh"

namespace transjet::cuda {

inline constexpr int kTileThreads = 256;

// kRows rows of kWidth numbers. A tile has two halves: where it holds streams and their change, row r of one
// belongs to row r of the other, and the same warp multiplies both.
template <typename Policy_, int kWidth_, int kRows_>
struct Tile {
  using Policy = Policy_;
  using T = typename Policy::Element;

  static constexpr int kWidth = kWidth_, kRows = kRows_, kHalf = kRows / 2;
  static constexpr int kStride = kWidth + Policy::kPadA;
  static constexpr int kSliceDepth = 2048 / kWidth, kSlices = kWidth / kSliceDepth;
  static constexpr int kSliceStride = kWidth + Policy::kPadB;
  static constexpr int kSliceSize = kSliceDepth * kSliceStride;
  static constexpr std::size_t kSharedBytes = (kRows * kStride + 2 * kSliceSize) * sizeof(T);

  // Blocks that a multiprocessor is to hold at once. Before Hopper there is shared memory for one of the
  // larger.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
  static constexpr int kResident = kSharedBytes > 80 * 1024 ? 1 : 2;
#else
  static constexpr int kResident = 2;
#endif

  // A warp has 2 x kColumnTiles tiles of 16 x 8 sums, a row of them in either half.
  static constexpr int kRowTiles = 2;
  static constexpr int kWarpRows = kRows / (16 * kRowTiles);
  static constexpr int kWarpColumns = kTileThreads / kWarpSize / kWarpRows;
  static constexpr int kColumnTiles = kWidth / (8 * kWarpColumns);
  static_assert(16 * kRowTiles * kWarpRows == kRows && 8 * kColumnTiles * kWarpColumns == kWidth);
  static_assert(kSlices % 2 == 0 && kSliceDepth % Policy::kDepth == 0);

  struct Sums {
    typename Policy::Sum tile[kRowTiles][kColumnTiles];
  };

  static TRANSJET_DEVICE T* rows() { return reinterpret_cast<T*>(shared_memory()); }
  static TRANSJET_DEVICE T* slice(int stage) { return rows() + kRows * kStride + stage * kSliceSize; }

  static TRANSJET_DEVICE int first_column() { return warp_index() % kWarpColumns * 8 * kColumnTiles; }
  // Of the warp's tiles in one half.
  static TRANSJET_DEVICE int first_row(int half) { return half * kHalf + warp_index() / kWarpColumns * 16; }

  static TRANSJET_DEVICE void clear(Sums& sums) {
    TRANSJET_UNROLL
    for (int i = 0; i < kRowTiles; ++i) {
      TRANSJET_UNROLL
      for (int j = 0; j < kColumnTiles; ++j) cuda::clear(sums.tile[i][j]);
    }
  }

  static TRANSJET_DEVICE void copy_slice(const T* weights, int index) {
    constexpr int kVector = 16 / static_cast<int>(sizeof(T)), kVectors = kWidth / kVector;
    T* to = slice(index % 2);
    const T* from = weights + index * kSliceDepth * kWidth;
    TRANSJET_UNROLL
    for (int i = 0; i < kSliceDepth * kVectors; i += kTileThreads) {
      const int at = i + static_cast<int>(threadIdx.x);
      const int row = at / kVectors, column = at % kVectors * kVector;
      cp_async16(to + row * kSliceStride + column, from + row * kWidth + column);
    }
    cp_async_commit();
  }

  // Lets the first slice of weights (kWidth, kWidth) come while something else is done. All of `multiply`'s
  // slices but the last one have been used by then.
  static TRANSJET_DEVICE void start(const T* weights) { copy_slice(weights, 0); }

  // Adds the product of the rows with weights that start() has been called for. Instead, kAcross: the product
  // of the rows of the first half to the sums of the second.
  template <bool kAcross>
  static TRANSJET_DEVICE void multiply(Sums& sums, const T* weights) {
    TRANSJET_NO_UNROLL
    for (int index = 0; index < kSlices; ++index) {
      cp_async_wait<0>();
      sync_threads();  // the slice is there, the one before it has been used, and so are all rows written
      if (index + 1 < kSlices) copy_slice(weights, index + 1);
      multiply_slice<kAcross>(sums, index);
    }
  }

  template <bool kAcross>
  static TRANSJET_DEVICE void multiply_slice(Sums& sums, int index) {
    const T* from = rows() + index * kSliceDepth;
    const T* right = slice(index % 2) + first_column();
    TRANSJET_NO_UNROLL  // or there are not enough registers for two blocks on a multiprocessor
        for (int k = 0; k < kSliceDepth; k += Policy::kDepth) {
      typename Policy::A a[kRowTiles];
      TRANSJET_UNROLL
      for (int i = 0; i < (kAcross ? 1 : kRowTiles); ++i)
        a[i] = Policy::load_a(from + first_row(i) * kStride + k, kStride, 1);
      TRANSJET_UNROLL
      for (int j = 0; j < kColumnTiles; ++j) {
        const typename Policy::B b = Policy::load_b(right + k * kSliceStride + 8 * j, kSliceStride, 1);
        TRANSJET_UNROLL
        for (int i = kAcross; i < kRowTiles; ++i) Policy::multiply(sums.tile[i][j], a[kAcross ? 0 : i], b);
        if (j % 2 == 1) separate_instructions();
      }
    }
  }

  // Replaces the rows by the sums; to be followed by a barrier.
  static TRANSJET_DEVICE void store(Sums& sums) {
    sync_threads();  // all rows have been used
    TRANSJET_UNROLL
    for (int i = 0; i < kRowTiles; ++i) {
      TRANSJET_UNROLL
      for (int j = 0; j < kColumnTiles; ++j) {
        T* to = rows() + first_row(i) * kStride + first_column() + 8 * j;
        visit_sums(sums.tile[i][j],
                   [&](int row, int column, T& value) { to[row * kStride + column] = value; });
      }
    }
  }
};

}  // namespace transjet::cuda
