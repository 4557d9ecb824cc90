// Sums over points and slots, each in an order that sizes alone determine.
#pragma once

#include "cuda/reductions.h"
#include "cuda/steps_outputs.cuh"

namespace transjet::cuda {

inline constexpr int kStreamThreads = kStreamColumns * kStreamPoints;

// The sums of threads that share a column, in their order, to the first of them.
template <typename T>
TRANSJET_DEVICE T sum_column_threads(T value) {
  T* shared = reinterpret_cast<T*>(shared_memory());
  shared[threadIdx.x] = value;
  sync_threads();
  T sum = T(0);
  if (threadIdx.x < kStreamColumns) {
    for (int i = 0; i < kStreamPoints; ++i) sum += shared[i * kStreamColumns + static_cast<int>(threadIdx.x)];
  }
  sync_threads();
  return sum;
}

// blockIdx.y is the vector.
template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStreamThreads, 1)
    sum_streams_kernel(TRANSJET_CONSTANT StreamSums<T> all) {
  const StreamSum<T>& job = all.job[all.jobs > 1 && static_cast<int>(blockIdx.x) >= all.job[1].first_block];
  const int block = static_cast<int>(blockIdx.x) - job.first_block, tiles = stream_tiles(job);
  const int slot = block / tiles, tile = block % tiles, row = tile % job.rows();
  const int column = tile / job.rows() * kStreamColumns + static_cast<int>(threadIdx.x) % kStreamColumns;
  const int step = (all.points + job.slots - 1) / job.slots, begin = slot * step;
  const int end = begin + step < all.points ? begin + step : all.points;
  const T* from = job.from + offset_of(job.first, job.line) + column;
  const T* scales = all.scale == nullptr ? nullptr : all.scale + blockIdx.y * all.scale_stride;
  T sum = T(0), weights = T(0);
  for (int p = begin + static_cast<int>(threadIdx.x) / kStreamColumns; p < end; p += kStreamPoints) {
    const T scale = scales == nullptr ? T(1) : scales[p];
    for (int s = row; s < (job.merged ? job.count : row + 1); ++s) {
      const T weight = scale * all.weights(job.weight, p, s);
      if (s == 0) weights += weight;
      if (column < job.line) sum += weight * from[offset_of(p * job.step + s, job.line)];
    }
  }
  sum = sum_column_threads(sum);
  weights = sum_column_threads(weights);
  if (threadIdx.x >= kStreamColumns) return;
  T* to = job.partial + offset_of(blockIdx.y, job.slots) * job.elements() +
          static_cast<std::size_t>(slot) * job.elements();
  if (column < job.line) to[offset_of(row, job.line) + static_cast<std::size_t>(column)] = sum;
  if (tile == 0 && threadIdx.x == 0) to[offset_of(job.rows(), job.line)] = weights;
}

template <typename T>
void sum_streams(Queue& queue, const StreamSums<T>& sums) {
  if (sums.jobs == 0) return;
  const StreamSum<T>& last = sums.job[sums.jobs - 1];
  const dim3 grid(static_cast<unsigned>(last.first_block + last.slots * stream_tiles(last)),
                  static_cast<unsigned>(sums.vectors));
  queue.launch(sum_streams_kernel<T>, grid, kStreamThreads, kStreamThreads * sizeof(T), sums);
}

// blockIdx.y is the job, blockIdx.z the vector.
template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1) reduce_kernel(TRANSJET_CONSTANT Reductions<T> all) {
  const Reduction<T>& job = all.job[blockIdx.y];
  const std::size_t slots = offset_of(blockIdx.z, job.slots);
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = element_index(); i < offset_of(job.rows, job.columns); i += step) {
    const Element at = element_of(i, job.columns);
    const T* from = job.from + offset_of(at.row, job.line) + at.column;
    T sum = T(0);
    for (int slot = 0; slot < job.slots; ++slot)
      sum += from[(slots + static_cast<std::size_t>(slot)) * job.stride];
    T* to = all.to[blockIdx.z][blockIdx.y] + offset_of(at.row, job.to_line) + at.column;
    *to = all.add ? *to + sum : sum;
  }
}

template <typename T>
void reduce(Queue& queue, const Reductions<T>& reductions) {
  std::size_t most = 1;
  for (int i = 0; i < reductions.jobs; ++i) {
    const Reduction<T>& job = reductions.job[i];
    most = std::max(most, offset_of(job.rows, job.columns));
  }
  dim3 grid = blocks_for(std::min(most, std::size_t{1} << 16));
  grid.y = static_cast<unsigned>(reductions.jobs);
  grid.z = static_cast<unsigned>(reductions.vectors);
  queue.launch(reduce_kernel<T>, grid, kStepThreads, 0, reductions);
}

// blockIdx.y is the end of the network.
template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1)
    add_tangent_sums_kernel(TRANSJET_CONSTANT TangentSums<T> all) {
  const int end = static_cast<int>(blockIdx.y), width = all.width[end];
  const Element at = element_of(element_index(), width);
  const int i = at.row, j = at.column;
  if (all.sums[end] == nullptr || i >= all.d) return;
  const T* from = all.sums[end] + j;
  T sum = T(0);
  if (all.directions == nullptr) {
    sum = from[offset_of(i, all.line[end])];
  } else {
    const T* direction = all.directions + i;
    for (int k = 0; k < all.count; ++k)
      sum += direction[offset_of(k, all.d)] * from[offset_of(k, all.line[end])];
  }
  T* to = all.gradient[end] + (end == 0 ? offset_of(i, width) + j : offset_of(j, all.d) + i);
  *to += sum;
}

template <typename T>
void add_tangent_sums(Queue& queue, const TangentSums<T>& sums) {
  const int width = std::max(sums.width[0], sums.width[1]);
  dim3 grid = blocks_for(offset_of(sums.d, width));
  grid.y = sums.sums[1] == nullptr ? 1 : 2;
  queue.launch(add_tangent_sums_kernel<T>, grid, kStepThreads, 0, sums);
}

// A warp a point; blockIdx.y is the vector.
template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1)
    finish_product_kernel(TRANSJET_CONSTANT Contraction<T> contraction, Finish<T> finish) {
  const int p = warp_of_grid();
  if (p >= contraction.points) return;
  const T* sums = contraction.sums + blockIdx.y * contraction.sums_stride;
  T sum = T(0);
  for (int i = 0; i < contraction.jobs; ++i) {
    const ContractJob<T>& job = contraction.job[i];
    const int count = job.with_rows.count, rows = job_rows(job, contraction.points);
    for (int block = 0; block < column_blocks(job.columns); ++block) {
      const T* from = sums + job.first_sum + offset_of(block, rows) + offset_of(p, count);
      for (int s = lane_index(); s < count; s += kWarpSize) sum += from[s];
    }
  }
  sum = sum_lanes(sum);
  if (lane_index() != 0) return;
  const std::size_t at = blockIdx.y * finish.stride + static_cast<std::size_t>(p);
  if (finish.bias_change != nullptr)
    sum += contraction.weights.value[p] * finish.bias_change[blockIdx.y * contraction.change_stride];
  if (!finish.first) sum += finish.product[at];
  if (finish.last && finish.offset != nullptr) sum += finish.offset[at];
  if (finish.last && finish.weights != nullptr) sum *= finish.weights[p];
  finish.product[at] = sum;
}

template <typename T>
void finish_product(Queue& queue, const Contraction<T>& contraction, const Finish<T>& finish) {
  dim3 grid = blocks_for(offset_of(contraction.points, kWarpSize));
  grid.y = static_cast<unsigned>(contraction.vectors);
  queue.launch(finish_product_kernel<T>, grid, kStepThreads, 0, contraction, finish);
}

}  // namespace transjet::cuda
