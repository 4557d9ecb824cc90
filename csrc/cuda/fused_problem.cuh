// What the fused kernels have in common: the points of a block, and who works on which columns.
#pragma once

#include <algorithm>

#include "cuda/fused_calls.h"
#include "cuda/tile.cuh"

namespace transjet::cuda {

// The points of a tile, the first of them counted from problem.begin.
struct PointRange {
  std::size_t start;
  int points;
};

// Calls body(range) for this block's tiles, one after the other: as many blocks as the device holds share
// them out. What a tile gives does not depend on that.
template <typename T, typename Body>
TRANSJET_DEVICE void for_each_tile(const FusedProblem<T>& problem, Body&& body) {
  const auto capacity = static_cast<std::size_t>(problem.capacity);
  TRANSJET_NO_UNROLL
  for (std::size_t start = blockIdx.x * capacity; start < problem.count; start += gridDim.x * capacity) {
    const std::size_t rest = problem.count - start;
    body(PointRange{start, static_cast<int>(rest < capacity ? rest : capacity)});
    sync_threads();  // the next tile takes the place of this one
  }
}

// Calls body(point, column) for what this thread does of a tile's points: always the same columns.
template <int kWidth, typename Body>
TRANSJET_DEVICE void for_each_column(const PointRange& range, Body&& body) {
  TRANSJET_NO_UNROLL
  for (int i = static_cast<int>(threadIdx.x); i < range.points * kWidth; i += kTileThreads)
    body(i / kWidth, i % kWidth);
}

// Enqueues a kernel with tiles of `rows` streams, in as many blocks as run at once.
template <typename Call>
void launch_tiles(Queue& queue, void (*kernel)(Call), Call call, int rows, std::size_t shared_bytes) {
  call.problem.capacity = rows / call.problem.shape.count();
  const auto capacity = static_cast<std::size_t>(call.problem.capacity);
  const std::size_t tiles = (call.problem.count + capacity - 1) / capacity;
  const auto resident = static_cast<std::size_t>(queue.resident_blocks(kernel, kTileThreads, shared_bytes));
  queue.launch(kernel, static_cast<unsigned>(std::min(tiles, resident)), kTileThreads, shared_bytes, call);
}

}  // namespace transjet::cuda
