// Parameters to their packed form, on the device, once per call.
#pragma once

#include "cuda/index.cuh"
#include "cuda/views.h"

namespace transjet::cuda {

inline int padded(int width) { return (width + 15) / 16 * 16; }

// Lays a network's packed parameters out in `memory`, which may be null; hidden layers are padded to
// `hidden_pad`, or each to a multiple of 16 if that is 0. Returns the elements needed, a multiple of 64.
template <typename T>
std::size_t lay_out_packed(const JetProblem<T>& problem, int hidden_pad, T* memory, PackedView<T>& view) {
  const Architecture& network = problem.network;
  std::size_t used = 0;
  const auto take = [&](int rows, int columns) -> const T* {
    const T* taken = memory == nullptr ? nullptr : memory + used;
    used += (offset_of(rows, columns) + 63) / 64 * 64;
    return taken;
  };
  view = {};
  view.depth = network.depth;
  for (int l = 0; l <= network.depth; ++l) {
    const bool hidden = l > 0 && l < network.depth;
    view.widths[l] = network.widths[l];
    view.pads[l] = hidden && hidden_pad > 0 ? hidden_pad : padded(network.widths[l]);
  }
  for (int l = 0; l < network.depth; ++l) {
    if (l + 1 < network.depth) view.activations[l] = network.activations[l];
    view.forward[l] = take(view.pads[l], view.pads[l + 1]);
    view.backward[l] = take(view.pads[l + 1], view.pads[l]);
    view.bias[l] = take(1, view.pads[l + 1]);
  }
  const Directions<T>& directions = problem.directions;
  const bool is_vector = problem.jet == Jet::kDivergence;
  if (problem.jet == Jet::kGradient || directions.kind == DirectionKind::kCoordinates) {
    view.first_tangents = view.forward[0];
    if (is_vector) view.last_tangents = view.backward[network.depth - 1];
  } else if (directions.kind == DirectionKind::kShared) {
    view.first_tangents = take(directions.count, view.pads[1]);
    if (is_vector) view.last_tangents = take(directions.count, view.pads[network.depth - 1]);
  }
  return used;
}

// blockIdx.y is the layer.
template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(256, 1) pack_kernel(NetView<T> from, PackedView<T> to) {
  const int l = static_cast<int>(blockIdx.y);
  const int rows = to.pads[l], columns = to.pads[l + 1];
  T* forward = const_cast<T*>(to.forward[l]);
  T* backward = const_cast<T*>(to.backward[l]);
  T* bias = const_cast<T*>(to.bias[l]);
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = element_index(); i < offset_of(rows, columns); i += step) {
    const Element at = element_of(i, columns);
    const bool real = at.row < from.widths[l] && at.column < from.widths[l + 1];
    const std::size_t source = offset_of(at.row, from.widths[l + 1]) + static_cast<std::size_t>(at.column);
    const T value = real ? from.weights[l][source] : T(0);
    forward[i] = value;
    backward[offset_of(at.column, rows) + static_cast<std::size_t>(at.row)] = value;
  }
  for (auto i = static_cast<int>(element_index()); i < columns; i += static_cast<int>(step))
    bias[i] = i < from.widths[l + 1] ? from.biases[l][i] : T(0);
}

// Rows of shared directions at both ends of the network, from the packed weights.
template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(256, 1)
    pack_directions_kernel(PackedView<T> view, int d, int count, const T* directions, bool is_vector) {
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (int end = 0; end < (is_vector ? 2 : 1); ++end) {
    const T* weights = end == 0 ? view.forward[0] : view.backward[view.depth - 1];
    T* to = const_cast<T*>(end == 0 ? view.first_tangents : view.last_tangents);
    const int columns = end == 0 ? view.pads[1] : view.pads[view.depth - 1];
    for (std::size_t i = element_index(); i < offset_of(count, columns); i += step) {
      const Element at = element_of(i, columns);
      const T* direction = directions + offset_of(at.row, d);
      T sum = T(0);
      for (int j = 0; j < d; ++j)
        sum += direction[j] * weights[offset_of(j, columns) + static_cast<std::size_t>(at.column)];
      to[i] = sum;
    }
  }
}

// Enqueues the packing of `parameters` (the problem's, or a change of them) to where `view` was laid out.
template <typename T>
int pack(const JetProblem<T>& problem, const Parameters<const T>& parameters, const PackedView<T>& view,
         Stream stream) {
  const int error = launch(pack_kernel<T>, dim3(16, static_cast<unsigned>(view.depth)), 256, 0, stream,
                           view_of(problem.network, parameters), view);
  const bool is_vector = problem.jet == Jet::kDivergence;
  const bool shared = problem.jet != Jet::kGradient && problem.directions.kind == DirectionKind::kShared;
  if (error != 0 || !shared) return error;
  return launch(pack_directions_kernel<T>, 16, 256, 0, stream, view, problem.points.d,
                problem.directions.count, problem.directions.data, is_vector);
}

}  // namespace transjet::cuda
