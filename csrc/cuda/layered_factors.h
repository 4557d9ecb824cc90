// The factors of a residual's Jacobian (see cpu/factors.h), layer by layer into the workspace.
#pragma once

#include "cuda/network.h"

namespace transjet::cuda {

// Of one network at a chunk of points.
template <typename T>
struct Factors {
  int input_rows, output_rows;
  T* inputs;            // (points input_rows, pads[0])
  T* h[kMaxLayers];     // streams that leave a hidden layer: (points S, pads[l + 1])
  T* zbar[kMaxLayers];  // adjoints of its pre-activations
  T* outputs;           // weights of a vector network's outputs: (points output_rows, pads[depth])
  T* g;                 // adjoints of one layer's streams, of the layered sweep
};

template <typename T>
Factors<T> take_factors(Workspace& workspace, const JetProblem<T>& problem, const PackedView<T>& packed,
                        bool layered, int capacity) {
  const Shape shape = shape_of(problem);
  Factors<T> factors{};
  factors.input_rows = input_rows(problem, shape);
  factors.output_rows = output_rows(problem);
  factors.inputs = take_rows<T>(workspace, capacity, factors.input_rows, packed.pads[0]);
  for (int l = 0; l < packed.hidden(); ++l) {
    factors.h[l] = take_rows<T>(workspace, capacity, shape.count(), packed.pads[l + 1]);
    factors.zbar[l] = take_rows<T>(workspace, capacity, shape.count(), packed.pads[l + 1]);
  }
  if (is_vector(problem))
    factors.outputs = take_rows<T>(workspace, capacity, factors.output_rows, packed.pads[packed.depth]);
  if (layered) factors.g = take_rows<T>(workspace, capacity, shape.count(), widest_pad(packed));
  return factors;
}

template <typename T>
RowWeights<T> row_weights(const Shape& shape, const Fields<const T>& c) {
  return {c.value, c.second, shape.time};
}

template <typename T>
bool has_tangent_table(const JetProblem<T>& problem) {
  return shape_of(problem).tangents > 0 && !has_own_directions(problem);
}

// Both ends of the network: its inputs, and the weights of its outputs.
template <typename T>
void load_ends(Queue& queue, const JetProblem<T>& problem, const PackedView<T>& packed,
               const Fields<const T>& c, const Factors<T>& factors) {
  load_points<T>(queue, problem, shape_of(problem), &c, packed.pads[0], factors.inputs);
  if (!is_vector(problem)) return;
  load_output_weights<T>(
      queue, {static_cast<int>(problem.points.count), problem.points.d, c.value, c.second,
              own_directions(problem), problem.directions.count, factors.outputs, packed.pads[packed.depth]});
}

// Adjoints of the last hidden layer's streams.
template <typename T>
void seed(Queue& queue, const JetProblem<T>& problem, const PackedView<T>& packed, const Fields<const T>& c,
          const Factors<T>& factors) {
  const Shape shape = shape_of(problem);
  const int points = static_cast<int>(problem.points.count), last = packed.depth - 1;
  if (!is_vector(problem)) {
    return seed_scalar<T>(queue, layer_of(packed, last - 1, shape, points), row_weights(shape, c),
                          packed.backward[last], factors.g);
  }
  const int tangents = has_own_directions(problem) ? 0 : shape.tangents;
  expand<T>(queue,
            {points, factors.outputs, packed.pads[last + 1], factors.output_rows, packed.backward[last],
             problem.points.d, 0, packed.last_tangents, tangents, c.second, factors.g, packed.pads[last]});
}

// The ends must have been loaded.
template <typename T>
void sweep_factors(Queue& queue, const JetProblem<T>& problem, const PackedView<T>& packed,
                   const Fields<const T>& c, const Factors<T>& factors) {
  const Shape shape = shape_of(problem);
  const int points = static_cast<int>(problem.points.count), rows = points * shape.count();
  const int top = packed.hidden() - 1;
  multiply_first(queue, problem, shape, packed, factors.inputs, factors.zbar[0]);
  for (int l = 0; l <= top; ++l) {
    if (l > 0) multiply_layer(queue, packed, l, rows, factors.h[l - 1], factors.zbar[l]);
    activate<T>(queue, layer_of(packed, l, shape, points), factors.zbar[l], factors.h[l]);
  }
  seed(queue, problem, packed, c, factors);
  for (int l = top; l >= 0; --l) {
    if (l < top) multiply_layer_back(queue, packed, l + 1, rows, factors.zbar[l + 1], factors.g);
    pull_back<T>(queue, layer_of(packed, l, shape, points), factors.zbar[l], factors.g);
  }
}

}  // namespace transjet::cuda
