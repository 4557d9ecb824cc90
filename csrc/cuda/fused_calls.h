// The fused kernels as the host asks for them: they take a tile of whole points through all hidden layers of
// a network, whose hidden layers are padded to one width, while its streams stay in shared memory.
#pragma once

#include "cuda/queue.h"
#include "cuda/streams.cuh"
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

template <typename T>
FusedProblem<T> fused_problem(const JetProblem<T>& problem, const PackedView<T>& net, const Shape& shape,
                              std::size_t begin, std::size_t count) {
  return {net, problem.points, problem.directions, shape, problem.jet, begin, count, 0};
}

// Of the streams of each hidden layer, rows (point - begin) * streams + stream.
template <typename T>
struct LayerRows {
  T* layer[kMaxLayers];
};

// The fields that the streams give, written. A Laplacian along given directions leaves the gradient alone; a
// gradient jet takes the shape {d, true, false}, with tangents along the coordinates.
template <typename T>
struct FusedForward {
  FusedProblem<T> problem;
  Fields<T> result;
};

// The change of these fields along a change of the parameters, packed like the problem's network.
template <typename T>
struct FusedTangent {
  FusedProblem<T> problem;
  PackedView<T> change;
  Fields<T> result;
};

// The factors of a residual's Jacobian, for given coefficients (cpu/factors.h derives them).
template <typename T>
struct FusedFactors {
  FusedProblem<T> problem;
  Fields<const T> coefficients;
  LayerRows<T> h;     // streams that leave each hidden layer
  LayerRows<T> zbar;  // adjoints of its pre-activations; those themselves during the sweep forward
};

// Value, derivative in time and gradient of a scalar network by one sweep forward and one back.
template <typename T>
struct FusedGradient {
  FusedProblem<T> problem;  // its shape is the value alone
  LayerRows<T> z;           // memory for the pre-activations of every hidden layer
  Fields<T> result;         // value and dt may be null
};

// Rows of a tile: as many as leave two blocks room on one multiprocessor of Hopper.
constexpr int fused_rows(std::size_t element_bytes, int width) {
  return element_bytes * static_cast<std::size_t>(width) > 512 ? 64 : 128;
}

// What hidden layers must be padded to for the fused kernels, 64 or 128; 0 where these do not serve, because
// layers are too wide or there are more streams than a tile has room for. Tangents need the room twice.
template <typename T>
int fused_pad(const Architecture& network, int streams, bool tangent) {
  int widest = 1;
  for (int l = 1; l < network.depth; ++l) widest = network.widths[l] > widest ? network.widths[l] : widest;
  const int width = widest <= 64 ? 64 : 128;
  const bool fits = (tangent ? 2 : 1) * streams <= fused_rows(sizeof(T), width);
  return network.depth >= 2 && network.depth <= kMaxLayers && widest <= width && fits ? width : 0;
}

// Enqueue a fused kernel, for hidden layers that are padded to 64 or 128.
template <typename T>
void run_fused(Queue& queue, const FusedForward<T>& call);
template <typename T>
void run_fused(Queue& queue, const FusedTangent<T>& call);
template <typename T>
void run_fused(Queue& queue, const FusedFactors<T>& call);
template <typename T>
void run_fused(Queue& queue, const FusedGradient<T>& call);

}  // namespace transjet::cuda
