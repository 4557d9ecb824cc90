// J v of one network from its factors: sum_l <Zbar_l, H_{l-1} V_l>, point by point, all layers and all v in
// one launch, and without H V ever reaching memory.
#pragma once

#include "cuda/gemm.cuh"

namespace transjet::cuda {

// The job that a block belongs to.
template <typename Jobs>
TRANSJET_DEVICE int job_of_block(const Jobs& jobs) {
  int i = jobs.jobs - 1;
  while (i > 0 && static_cast<int>(blockIdx.x) < jobs.job[i].first_block) --i;
  return i;
}

// Sums of a row's products over the columns of a block: over the four lanes that share a row, then over the
// two warps that do.
template <typename T>
TRANSJET_DEVICE void add_across(T (&partial)[2 * kWarpTiles], T* shared) {
  TRANSJET_UNROLL
  for (int i = 0; i < 2 * kWarpTiles; ++i) {
    partial[i] += shuffle_xor(partial[i], 1);
    partial[i] += shuffle_xor(partial[i], 2);
    if (lane_index() % 4 != 0) continue;
    const int row = warp_index() / 2 * 16 * kWarpTiles + i / 2 * 16 + sum_row(lane_index(), i % 2 * 2);
    shared[warp_index() % 2 * kBlockRows + row] = partial[i];
  }
  sync_threads();
}

// blockIdx.y is the vector.
template <typename Policy>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kBlockThreads, 3)
    contract_kernel(TRANSJET_CONSTANT Contraction<typename Policy::Element> contraction) {
  using T = typename Policy::Element;
  const ContractJob<T>& job = contraction.job[job_of_block(contraction)];
  const int rows = job_rows(job, contraction.points), across = column_blocks(job.columns);
  const int block = static_cast<int>(blockIdx.x) - job.first_block;
  const int row = block / across * kBlockRows, column = block % across * kBlockColumns;
  const std::size_t change = blockIdx.y * contraction.change_stride;
  BlockSums<Policy> sums;
  sums.clear();
  add_rows_times(sums, job.a, job.a_line, job.a_rows, rows, job.depth > 0 ? job.b + change : nullptr,
                 job.b_line, job.columns, job.depth, row, column);
  T partial[2 * kWarpTiles] = {};
  TRANSJET_UNROLL
  for (int i = 0; i < 2 * kWarpTiles; ++i) {
    const int r = row + BlockSums<Policy>::first_row() + i / 2 * 16 + sum_row(lane_index(), i % 2 * 2);
    if (r >= rows) continue;
    const int s = r % job.with_rows.count;
    const T* with = job.with + offset_of(job.with_rows(r), job.with_line);
    TRANSJET_UNROLL
    for (int j = 0; j < 2 * kWarpColumns; ++j) {
      const int k = i % 2 * 2 + j % 2;
      const int c = column + BlockSums<Policy>::first_column() + j / 2 * 8 + sum_column(lane_index(), k);
      if (c >= job.columns) continue;
      T value = sums.sum[i / 2][j / 2].value[k];
      if (s < job.constants)
        value += job.constant[change + offset_of(s, job.constant_line) + static_cast<std::size_t>(c)];
      partial[i] += with[c] * value;
    }
  }
  T* shared = reinterpret_cast<T*>(shared_memory());
  add_across(partial, shared);
  const int r = static_cast<int>(threadIdx.x);
  if (r >= kBlockRows || row + r >= rows) return;
  const int s = (row + r) % job.with_rows.count, p = (row + r) / job.with_rows.count;
  T* to = contraction.sums + blockIdx.y * contraction.sums_stride + job.first_sum +
          offset_of(column / kBlockColumns, rows);
  to[row + r] = contraction.weights(job.weight, p, s) * (shared[r] + shared[kBlockRows + r]);
}

template <typename Policy>
void contract_with(Queue& queue, const Contraction<typename Policy::Element>& contraction) {
  const auto& last = contraction.job[contraction.jobs - 1];
  const int blocks =
      last.first_block + row_blocks(job_rows(last, contraction.points)) * column_blocks(last.columns);
  const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(contraction.vectors));
  queue.launch(contract_kernel<Policy>, grid, kBlockThreads,
               Slices<typename Policy::Element, Left::kRows>::kBytes, contraction);
}

}  // namespace transjet::cuda
