// What the fused kernels have in common: the points of a block, and who works on which columns.
#pragma once

#include "cuda/fused_calls.h"
#include "cuda/tile.cuh"

namespace transjet::cuda {

// The points of a tile, the first of them counted from problem.begin.
struct PointRange {
  std::size_t start;
  int points;
};

// Those of this block.
template <typename T>
TRANSJET_DEVICE PointRange block_range(const FusedProblem<T>& problem) {
  const auto capacity = static_cast<std::size_t>(problem.capacity);
  const std::size_t start = blockIdx.x * capacity, rest = problem.count - start;
  return {start, static_cast<int>(rest < capacity ? rest : capacity)};
}

// Calls body(point, column) for what this thread does of a tile's points: always the same columns.
template <int kWidth, typename Body>
TRANSJET_DEVICE void for_each_column(const PointRange& range, Body&& body) {
  TRANSJET_NO_UNROLL
  for (int i = static_cast<int>(threadIdx.x); i < range.points * kWidth; i += kTileThreads)
    body(i / kWidth, i % kWidth);
}

// Enqueues a kernel with tiles of `rows` streams.
template <typename Call>
void launch_tiles(Queue& queue, void (*kernel)(Call), Call call, int rows, std::size_t shared_bytes) {
  call.problem.capacity = rows / call.problem.shape.count();
  const auto capacity = static_cast<std::size_t>(call.problem.capacity);
  const std::size_t blocks = (call.problem.count + capacity - 1) / capacity;
  queue.launch(kernel, static_cast<unsigned>(blocks), kTileThreads, shared_bytes, call);
}

}  // namespace transjet::cuda
