// The kernels that multiply: J J^T of assembled columns, and from inner products of factors.
#pragma once

#include "cuda/gram_steps.h"
#include "cuda/gram_tiles.cuh"

namespace transjet::cuda {

inline constexpr int kMirrorTile = 32;

// Blocks of an SM, limited by the registers that two products at once take.
template <typename T>
inline constexpr int kGramResident = sizeof(T) == 4 ? 3 : 2;

// Columns that are multiplied at once: as many pieces, of nearly equal size, for every slot.
template <typename T>
TRANSJET_DEVICE int piece_of(int columns, int slots) {
  const int share = (columns + slots - 1) / slots, pieces = (share + kGramColumns - 1) / kGramColumns;
  return ((share + pieces - 1) / pieces + kSlice<T> - 1) / kSlice<T> * kSlice<T>;
}

// blockIdx.y is the slot.
template <typename Policy, typename R>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kBlockThreads, 3)
    assembled_kernel(AssembledProduct<typename Policy::Element, R> product) {
  using T = typename Policy::Element;
  const GramBlock<T>& block = product.block;
  const GramSums<R>& sums = product.sums;
  const LowerTile tile = lower_tile(static_cast<int>(blockIdx.x));
  const int row = tile.row * kBlockRows, column = tile.column * kBlockColumns,
            slot = static_cast<int>(blockIdx.y);
  const int piece = piece_of<T>(block.columns(), sums.slots);
  TRANSJET_NO_UNROLL
  for (int begin = slot * piece; begin < block.columns(); begin += sums.slots * piece) {
    const int depth = block.columns() - begin < piece ? block.columns() - begin : piece;
    const auto rows_from = [&](int first) {
      return [&block, first, begin](int r) -> const T* {
        if (first + r >= block.points) return nullptr;
        return block.to + static_cast<std::size_t>(first + r) * static_cast<std::size_t>(block.line) + begin;
      };
    };
    BlockSums<Policy> values;
    values.clear();
    add_products_of_rows(values, depth, rows_from(row), rows_from(column));
    R* to = sums.slot(slot);
    values.visit([&](int r, int c, T& value) {
      if (row + r >= sums.points || column + c > row + r) return;
      to[static_cast<std::size_t>(row + r) * static_cast<std::size_t>(sums.points) +
         static_cast<std::size_t>(column + c)] += static_cast<R>(value);
    });
  }
}

// Leaves (h . h' + bias) (zbar . zbar') of a tile's pairs of rows in shared memory.
template <typename Policy>
TRANSJET_DEVICE void multiply_elements(BlockSums<Policy>& h, BlockSums<Policy>& zbar, int streams, int line) {
  using T = typename Policy::Element;
  T* shared = reinterpret_cast<T*>(shared_memory());
  TRANSJET_UNROLL
  for (int i = 0; i < kWarpTiles; ++i) {
    TRANSJET_UNROLL
    for (int j = 0; j < kWarpColumns; ++j) {
      TRANSJET_UNROLL
      for (int k = 0; k < 4; ++k) {
        const int r = BlockSums<Policy>::first_row() + 16 * i + sum_row(lane_index(), k);
        const int c = BlockSums<Policy>::first_column() + 8 * j + sum_column(lane_index(), k);
        const T bias = r % streams == 0 && c % streams == 0 ? T(1) : T(0);
        shared[r * line + c] = (h.sum[i][j].value[k] + bias) * zbar.sum[i][j].value[k];
      }
    }
  }
  sync_threads();
}

// A block has 64 / streams whole points on either side.
template <typename Policy, typename R>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kBlockThreads, kGramResident<typename Policy::Element>)
    factored_kernel(FactoredProduct<typename Policy::Element, R> product) {
  using T = typename Policy::Element;
  constexpr int kLine = kBlockColumns + 1;
  static_assert(kBlockRows * kLine * sizeof(T) <= RowSlices<T>::kBytes, "products take the place of slices");
  const int count = product.streams, side = kBlockRows / count, points = product.sums.points;
  const LowerTile tile = lower_tile(static_cast<int>(blockIdx.x));
  const int row = tile.row * side, column = tile.column * side;
  const auto rows_from = [&](const T* matrix, int line, int first) {
    return [=](int r) -> const T* {
      if (r >= side * count || first + r / count >= points) return nullptr;
      const std::size_t at =
          static_cast<std::size_t>(first) * static_cast<std::size_t>(count) + static_cast<std::size_t>(r);
      return matrix + at * static_cast<std::size_t>(line);
    };
  };
  BlockSums<Policy> h, zbar;
  h.clear();
  add_products_of_rows(h, product.in, rows_from(product.h, product.h_line, row),
                       rows_from(product.h, product.h_line, column));
  zbar.clear();
  add_products_of_rows(zbar, product.out, rows_from(product.zbar, product.zbar_line, row),
                       rows_from(product.zbar, product.zbar_line, column));
  multiply_elements(h, zbar, count, kLine);
  const T* shared = reinterpret_cast<const T*>(shared_memory());
  for (int pair = static_cast<int>(threadIdx.x); pair < side * side; pair += kBlockThreads) {
    const int p = pair / side, q = pair % side;
    if (row + p >= points || column + q > row + p) continue;
    R total = R(0);
    for (int s = 0; s < count; ++s) {
      for (int t = 0; t < count; ++t)
        total += static_cast<R>(shared[(p * count + s) * kLine + q * count + t]);
    }
    product.sums.result[static_cast<std::size_t>(row + p) * static_cast<std::size_t>(points) +
                        static_cast<std::size_t>(column + q)] += total;
  }
}

template <typename R>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1) finish_gram_kernel(GramSums<R> sums) {
  constexpr int kLine = kMirrorTile + 1;
  R* shared = reinterpret_cast<R*>(shared_memory());
  const LowerTile tile = lower_tile(static_cast<int>(blockIdx.x));
  const int row = tile.row * kMirrorTile, column = tile.column * kMirrorTile;
  const auto points = static_cast<std::size_t>(sums.points);
  for (int i = static_cast<int>(threadIdx.x); i < kMirrorTile * kMirrorTile; i += kStepThreads) {
    const int r = i / kMirrorTile, c = i % kMirrorTile;
    if (row + r >= sums.points || column + c > row + r) continue;
    const std::size_t at = static_cast<std::size_t>(row + r) * points + static_cast<std::size_t>(column + c);
    R total = sums.result[at];
    for (int slot = 1; slot < sums.slots; ++slot) total += sums.slot(slot)[at];
    sums.result[at] = shared[r * kLine + c] = total;
  }
  sync_threads();
  for (int i = static_cast<int>(threadIdx.x); i < kMirrorTile * kMirrorTile; i += kStepThreads) {
    const int r = i % kMirrorTile, c = i / kMirrorTile;
    if (row + r >= sums.points || column + c >= row + r) continue;
    const std::size_t at = static_cast<std::size_t>(column + c) * points + static_cast<std::size_t>(row + r);
    sums.result[at] = shared[r * kLine + c];
  }
}

template <typename Policy, typename R>
void add_products_with(Queue& queue, const AssembledProduct<typename Policy::Element, R>& product) {
  const dim3 grid(lower_tiles(row_blocks(product.sums.points)), static_cast<unsigned>(product.sums.slots));
  queue.launch(assembled_kernel<Policy, R>, grid, kBlockThreads, RowSlices<typename Policy::Element>::kBytes,
               product);
}

template <typename Policy, typename R>
void add_products_with(Queue& queue, const FactoredProduct<typename Policy::Element, R>& product) {
  const int side = kBlockRows / product.streams;
  queue.launch(factored_kernel<Policy, R>, lower_tiles((product.sums.points + side - 1) / side),
               kBlockThreads, RowSlices<typename Policy::Element>::kBytes, product);
}

template <typename R>
void finish_gram(Queue& queue, const GramSums<R>& sums) {
  queue.launch(finish_gram_kernel<R>, lower_tiles((sums.points + kMirrorTile - 1) / kMirrorTile),
               kStepThreads, kMirrorTile * (kMirrorTile + 1) * sizeof(R), sums);
}

}  // namespace transjet::cuda
