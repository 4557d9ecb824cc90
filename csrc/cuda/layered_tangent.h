// The jets' derivatives along a change of the parameters, J v, layer by layer through the workspace.
#pragma once

#include "cuda/layered_forward.h"

namespace transjet::cuda {

template <typename T>
LastLayer<T> last_layers(const PackedView<T>& packed, const PackedView<T>& change, const Shape& shape,
                         int points, const T* h, const T* hdot, bool vector) {
  const int last = packed.depth - 1;
  LastLayer<T> layer =
      last_layer(packed, shape, points, hdot, vector ? packed.last_tangents : packed.backward[last]);
  layer.h[1] = h;
  layer.weights[1] = vector ? change.last_tangents : change.backward[last];
  layer.bias = change.bias[last];
  return layer;
}

// zdot = hdot W + h V
template <typename T>
void multiply_change(Queue& queue, const PackedView<T>& packed, const PackedView<T>& change, int l, int rows,
                     const T* h, const T* hdot, T* zdot) {
  multiply_layer(queue, packed, l, rows, hdot, zdot);
  multiply_layer(queue, change, l, rows, h, zdot, true);
}

template <typename T>
void tangent_streams(Queue& queue, const JetProblem<T>& problem, const PackedView<T>& packed,
                     const PackedView<T>& change, const StreamSpace<T>& space, const Fields<T>& result) {
  const Shape shape = shape_of(problem);
  const int points = static_cast<int>(problem.points.count), rows = points * shape.count();
  const int d = problem.points.d, top = packed.hidden() - 1;
  load_points<T>(queue, problem, shape, nullptr, packed.pads[0], space.inputs);
  multiply_first(queue, problem, shape, packed, space.inputs, space.rows[0]);
  multiply_first(queue, problem, shape, change, space.inputs, space.dots[0]);
  for (int l = 0; l <= top; ++l) {
    T *z = space.rows[l % 2], *zdot = space.dots[l % 2];
    const T *below = space.rows[1 - l % 2], *below_dot = space.dots[1 - l % 2];
    if (l > 0) {
      multiply_layer(queue, packed, l, rows, below, z);
      multiply_change(queue, packed, change, l, rows, below, below_dot, zdot);
    }
    push_forward<T>(queue, layer_of(packed, l, shape, points), change.bias[l], z, zdot, z, zdot);
  }
  const T *h = space.rows[top % 2], *hdot = space.dots[top % 2];
  const bool vector = is_vector(problem);
  const LastLayer<T> last = last_layers(packed, change, shape, points, h, hdot, vector);
  if (!vector) {
    return scalar_outputs(queue, last, d, problem.directions.kind == DirectionKind::kCoordinates, result);
  }
  multiply_last(queue, problem, packed, hdot, space.outputs, false);
  multiply_last(queue, problem, change, h, space.outputs, true);
  vector_outputs(queue, last, d, space.outputs, packed.pads[top + 2], own_directions(problem), result);
}

// The value stream and its change through all hidden layers.
template <typename T>
void sweep_value_changes(Queue& queue, const JetProblem<T>& problem, const PackedView<T>& packed,
                         const PackedView<T>& change, const ReverseSpace<T>& space) {
  const int points = static_cast<int>(problem.points.count);
  load_points<T>(queue, problem, kValueShape, nullptr, packed.pads[0], space.inputs);
  multiply_first(queue, problem, kValueShape, packed, space.inputs, space.z[0]);
  multiply_first(queue, problem, kValueShape, change, space.inputs, space.zdot[0]);
  for (int l = 0; l < packed.hidden(); ++l) {
    if (l > 0) {
      multiply_layer(queue, packed, l, points, space.h, space.z[l]);
      multiply_change(queue, packed, change, l, points, space.h, space.hdot, space.zdot[l]);
    }
    push_forward<T>(queue, layer_of(packed, l, kValueShape, points), change.bias[l], space.z[l],
                    space.zdot[l], space.h, space.hdot);
  }
}

// gdot = zbardot W^T + zbar V^T
template <typename T>
void multiply_change_back(Queue& queue, const PackedView<T>& packed, const PackedView<T>& change, int l,
                          int rows, const T* zbar, const T* zbardot, T* gdot) {
  multiply_layer_back(queue, packed, l, rows, zbardot, gdot);
  multiply_layer_back(queue, change, l, rows, zbar, gdot, true);
}

template <typename T>
void tangent_reverse(Queue& queue, const JetProblem<T>& problem, const PackedView<T>& packed,
                     const PackedView<T>& change, const ReverseSpace<T>& space, const Fields<T>& result) {
  const bool alone = !needs_streams(problem);
  const int points = static_cast<int>(problem.points.count), top = packed.hidden() - 1;
  sweep_value_changes(queue, problem, packed, change, space);
  if (alone) {
    scalar_outputs(queue, last_layers(packed, change, kValueShape, points, space.h, space.hdot, false),
                   problem.points.d, false, result);
  }
  const LayerStreams<T> last = layer_of(packed, top, kValueShape, points);
  seed_scalar<T>(queue, last, {}, packed.backward[top + 1], space.g);
  seed_scalar<T>(queue, last, {}, change.backward[top + 1], space.gdot);
  for (int l = top; l >= 0; --l) {
    if (l < top) {
      multiply_layer_back(queue, packed, l + 1, points, space.z[l + 1], space.g);
      multiply_change_back(queue, packed, change, l + 1, points, space.z[l + 1], space.zdot[l + 1],
                           space.gdot);
    }
    pull_values_back<T>(queue, layer_of(packed, l, kValueShape, points), space.z[l], space.zdot[l], space.g,
                        space.gdot);
  }
  multiply_change_back(queue, packed, change, 0, points, space.z[0], space.zdot[0], space.gdot);
  gradient_outputs(queue, problem.points, space.gdot, packed.pads[0], alone, result);
}

}  // namespace transjet::cuda
