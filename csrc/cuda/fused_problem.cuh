// What the fused kernels have in common: they take a tile of whole points through all hidden layers of a
// network whose hidden layers are padded to one width.
#pragma once

#include "cuda/streams.cuh"
#include "cuda/tile.cuh"
#include "cuda/views.h"

namespace transjet::cuda {

// A jet at points [begin, begin + count).
template <typename T>
struct FusedProblem {
  PackedView<T> net;
  Points<T> points;
  Directions<T> directions;
  Shape shape;
  Jet jet;
  std::size_t begin, count;
  int capacity;  // points of a tile, set by whoever launches
};

// Of the streams of each hidden layer, rows (point - begin) * streams + stream.
template <typename T>
struct LayerRows {
  T* layer[kMaxLayers];
};

template <typename T>
FusedProblem<T> fused_problem(const JetProblem<T>& problem, const PackedView<T>& net, const Shape& shape,
                              std::size_t begin, std::size_t count) {
  return {net, problem.points, problem.directions, shape, problem.jet, begin, count, 0};
}

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
int launch_fused(void (*kernel)(Call), Call call, int rows, std::size_t shared_bytes, Stream stream) {
  call.problem.capacity = rows / call.problem.shape.count();
  const auto capacity = static_cast<std::size_t>(call.problem.capacity);
  const std::size_t blocks = (call.problem.count + capacity - 1) / capacity;
  return launch(kernel, static_cast<unsigned>(blocks), kTileThreads, shared_bytes, stream, call);
}

}  // namespace transjet::cuda
