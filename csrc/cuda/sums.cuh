// J^T u of one network from its factors: H_{l-1}^T diag(u) Zbar_l of all layers and all u in one
// launch. Rows are
// divided into slots by sizes alone and the slots' sums added up in their order, so that results repeat bit
// by bit.
#pragma once

#include "cuda/contract.cuh"

namespace transjet::cuda {

template <typename T>
TRANSJET_DEVICE int round_up_to_slice(int rows) {
  return (rows + kSlice<T> - 1) / kSlice<T> * kSlice<T>;
}

// Adds to `bias` what every point's first row has in this thread's column of a slice.
template <typename T>
TRANSJET_DEVICE void add_first_rows(const T* slice, int row, int count, T& bias) {
  if (threadIdx.x >= kBlockColumns) return;
  for (int k = (count - row % count) % count; k < kSlice<T>; k += count)
    bias += slice[k * kWideLine<T> + static_cast<int>(threadIdx.x)];
}

// blockIdx.y is the vector.
template <typename Policy>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kBlockThreads, 3)
    sum_kernel(TRANSJET_CONSTANT MatrixSums<typename Policy::Element> all) {
  using T = typename Policy::Element;
  using Stage = Slices<T, Left::kTransposed>;
  const SumJob<T>& job = all.job[job_of_block(all)];
  const int tiles = sum_tiles(job), across = column_blocks(job.columns_b), count = job.a_rows.count;
  const int block = static_cast<int>(blockIdx.x) - job.first_block, slot = block / tiles,
            tile = block % tiles;
  const int row = tile / across * kBlockRows, column = tile % across * kBlockColumns;
  const int rows = count * all.points, step = round_up_to_slice<T>((rows + job.slots - 1) / job.slots);
  const int begin = slot * step, end = begin + step < rows ? begin + step : rows;
  const T* scales = all.scale == nullptr ? nullptr : all.scale + blockIdx.y * all.scale_stride;
  BlockSums<Policy> sums;
  sums.clear();
  T bias = T(0);
  const auto rows_of = [&](const T* matrix, int line, const RowMap& map, int k, int at) {
    return [=](int r) -> const T* {
      if (begin + k + r >= end) return nullptr;
      return matrix + offset_of(map(begin + k + r), line) + at;
    };
  };
  for_each_slice<T>(
      end - begin,
      [&](int stage, int k) {
        copy_tile<kSlice<T>, kBlockRows>(Stage::left(stage), kWideLine<T>, job.a_line - row,
                                         rows_of(job.a, job.a_line, job.a_rows, k, row));
        copy_tile<kSlice<T>, kBlockColumns>(Stage::right(stage), kWideLine<T>, job.b_line - column,
                                            rows_of(job.b, job.b_line, job.b_rows, k, column));
      },
      [&](int stage, int k) {
        if (scales == nullptr) return;
        visit_vectors<kSlice<T>, kBlockColumns, T>([&](int r, int c) {
          if (begin + k + r >= end) return;
          const T scale = scales[(begin + k + r) / count];
          T* at = Stage::right(stage) + r * kWideLine<T> + c;
          for (int i = 0; i < 16 / static_cast<int>(sizeof(T)); ++i) at[i] *= scale;
        });
      },
      [&](int stage, int k) {
        sums.template add_slice<Left::kTransposed>(stage);
        if (row == 0) add_first_rows(Stage::right(stage), begin + k, count, bias);
      });
  T* to = job.partial + offset_of(blockIdx.y, job.slots) * sum_elements(job) +
          static_cast<std::size_t>(slot) * sum_elements(job);
  sums.visit([&](int r, int c, T& value) {
    if (row + r >= job.columns_a || column + c >= job.columns_b) return;
    to[offset_of(row + r, job.columns_b) + static_cast<std::size_t>(column + c)] = value;
  });
  const int c = column + static_cast<int>(threadIdx.x);
  if (row == 0 && threadIdx.x < kBlockColumns && c < job.columns_b)
    to[offset_of(job.columns_a, job.columns_b) + static_cast<std::size_t>(c)] = bias;
}

template <typename Policy>
void sum_with(Queue& queue, const MatrixSums<typename Policy::Element>& sums) {
  const auto& last = sums.job[sums.jobs - 1];
  const dim3 grid(static_cast<unsigned>(last.first_block + last.slots * sum_tiles(last)),
                  static_cast<unsigned>(sums.vectors));
  queue.launch(sum_kernel<Policy>, grid, kBlockThreads,
               Slices<typename Policy::Element, Left::kTransposed>::kBytes, sums);
}

}  // namespace transjet::cuda
