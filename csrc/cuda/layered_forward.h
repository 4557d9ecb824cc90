// The jets themselves, layer by layer through the workspace: any width, any number of streams.
#pragma once

#include "cuda/network.h"

namespace transjet::cuda {

// A Laplacian along given directions does not see the gradient pass by; a reverse sweep finds it.
template <typename T>
bool needs_reverse(const JetProblem<T>& problem) {
  return problem.jet == Jet::kGradient ||
         (problem.jet == Jet::kLaplacian && problem.directions.kind != DirectionKind::kCoordinates);
}
template <typename T>
bool needs_streams(const JetProblem<T>& problem) {
  return problem.jet != Jet::kGradient;
}

// Matrices of one role at a chunk of points. `rows` matrices hold the streams of the layer that is computed
// and of the one below; `dots` their change along a change of the parameters.
template <typename T>
struct StreamSpace {
  T* inputs;
  T* rows[2];
  T* dots[2];  // for tangents
  T* outputs;  // of a vector network
};

template <typename T>
StreamSpace<T> take_streams(Workspace& workspace, const JetProblem<T>& problem, const PackedView<T>& packed,
                            bool tangent, int capacity) {
  const Shape shape = shape_of(problem);
  const int widest = widest_pad(packed);
  StreamSpace<T> space{};
  space.inputs = take_rows<T>(workspace, capacity, input_rows(problem, shape), packed.pads[0]);
  for (int i = 0; i < 2; ++i) space.rows[i] = take_rows<T>(workspace, capacity, shape.count(), widest);
  for (int i = 0; i < (tangent ? 2 : 0); ++i)
    space.dots[i] = take_rows<T>(workspace, capacity, shape.count(), widest);
  if (is_vector(problem))
    space.outputs = take_rows<T>(workspace, capacity, output_rows(problem), packed.pads[packed.depth]);
  return space;
}

// A value stream through the network and back.
template <typename T>
struct ReverseSpace {
  T* inputs;
  T* z[kMaxLayers];     // pre-activations of every hidden layer, then their adjoints
  T* zdot[kMaxLayers];  // for tangents
  T *h, *hdot, *g, *gdot;
};

inline constexpr Shape kValueShape{0, false, false};

template <typename T>
ReverseSpace<T> take_reverse(Workspace& workspace, const PackedView<T>& packed, bool tangent, int capacity) {
  const int widest = widest_pad(packed);
  ReverseSpace<T> space{};
  space.inputs = take_rows<T>(workspace, capacity, 1, packed.pads[0]);
  for (int l = 0; l < packed.hidden(); ++l) {
    space.z[l] = take_rows<T>(workspace, capacity, 1, packed.pads[l + 1]);
    if (tangent) space.zdot[l] = take_rows<T>(workspace, capacity, 1, packed.pads[l + 1]);
  }
  space.h = take_rows<T>(workspace, capacity, 1, widest);
  space.g = take_rows<T>(workspace, capacity, 1, widest);
  if (!tangent) return space;
  space.hdot = take_rows<T>(workspace, capacity, 1, widest);
  space.gdot = take_rows<T>(workspace, capacity, 1, widest);
  return space;
}

// One stream a point of the last hidden layer, and what multiplies it.
template <typename T>
LastLayer<T> last_layer(const PackedView<T>& packed, const Shape& shape, int points, const T* h,
                        const T* weights) {
  const int top = packed.hidden() - 1;
  return {shape,
          points,
          packed.widths[top + 1],
          packed.pads[top + 1],
          {h, nullptr},
          {weights, nullptr},
          packed.bias[top + 1]};
}

// Value rows, or with own directions all rows, of the last hidden layer times the last weights.
template <typename T>
void multiply_last(Queue& queue, const JetProblem<T>& problem, const PackedView<T>& packed, const T* h,
                   T* outputs, bool add) {
  const int l = packed.depth - 1, rows = output_rows(problem);
  multiply<T>(queue, {h,
                      packed.pads[l],
                      {rows, shape_of(problem).count(), 0},
                      packed.forward[l],
                      packed.pads[l + 1],
                      outputs,
                      packed.pads[l + 1],
                      static_cast<int>(problem.points.count) * rows,
                      packed.pads[l],
                      packed.pads[l + 1],
                      add});
}

template <typename T>
void forward_streams(Queue& queue, const JetProblem<T>& problem, const PackedView<T>& packed,
                     const StreamSpace<T>& space, const Fields<T>& result) {
  const Shape shape = shape_of(problem);
  const int points = static_cast<int>(problem.points.count), rows = points * shape.count();
  const int d = problem.points.d, top = packed.hidden() - 1;
  load_points<T>(queue, problem, shape, nullptr, packed.pads[0], space.inputs);
  multiply_first(queue, problem, shape, packed, space.inputs, space.rows[0]);
  for (int l = 0; l <= top; ++l) {
    T* z = space.rows[l % 2];
    if (l > 0) multiply_layer(queue, packed, l, rows, space.rows[1 - l % 2], z);
    activate<T>(queue, layer_of(packed, l, shape, points), z, z);
  }
  const T* h = space.rows[top % 2];
  if (!is_vector(problem)) {
    return scalar_outputs(queue, last_layer(packed, shape, points, h, packed.backward[top + 1]), d,
                          problem.directions.kind == DirectionKind::kCoordinates, result);
  }
  multiply_last(queue, problem, packed, h, space.outputs, false);
  vector_outputs(queue, last_layer(packed, shape, points, h, packed.last_tangents), d, space.outputs,
                 packed.pads[top + 2], own_directions(problem), result);
}

// The value stream through all hidden layers; that of the last one stays in space.h.
template <typename T>
void sweep_values(Queue& queue, const JetProblem<T>& problem, const PackedView<T>& packed,
                  const ReverseSpace<T>& space) {
  const int points = static_cast<int>(problem.points.count);
  load_points<T>(queue, problem, kValueShape, nullptr, packed.pads[0], space.inputs);
  multiply_first(queue, problem, kValueShape, packed, space.inputs, space.z[0]);
  for (int l = 0; l < packed.hidden(); ++l) {
    if (l > 0) multiply_layer(queue, packed, l, points, space.h, space.z[l]);
    activate<T>(queue, layer_of(packed, l, kValueShape, points), space.z[l], space.h);
  }
}

// Gradient, and value and derivative in time where no other streams bring them.
template <typename T>
void forward_reverse(Queue& queue, const JetProblem<T>& problem, const PackedView<T>& packed,
                     const ReverseSpace<T>& space, const Fields<T>& result) {
  const bool alone = !needs_streams(problem);
  const int points = static_cast<int>(problem.points.count), top = packed.hidden() - 1;
  const T* weights = packed.backward[top + 1];
  sweep_values(queue, problem, packed, space);
  if (alone) {
    scalar_outputs(queue, last_layer(packed, kValueShape, points, space.h, weights), problem.points.d, false,
                   result);
  }
  seed_scalar<T>(queue, layer_of(packed, top, kValueShape, points), {}, weights, space.g);
  for (int l = top; l >= 0; --l) {
    if (l < top) multiply_layer_back(queue, packed, l + 1, points, space.z[l + 1], space.g);
    pull_back<T>(queue, layer_of(packed, l, kValueShape, points), space.z[l], space.g);
  }
  multiply_layer_back(queue, packed, 0, points, space.z[0], space.g);
  gradient_outputs(queue, problem.points, space.g, packed.pads[0], alone, result);
}

}  // namespace transjet::cuda
