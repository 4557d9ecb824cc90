// A jet's network on the device, as the host enqueues work on it: its packed parameters and a chunk of
// points.
#pragma once

#include "cpu/calls.h"
#include "cuda/pack.cuh"
#include "cuda/plan.h"
#include "cuda/products.h"
#include "cuda/steps.h"

namespace transjet::cuda {

template <typename F>
F* shifted(F* pointer, std::size_t elements) {
  return pointer == nullptr ? nullptr : pointer + elements;
}

// The problem at points [begin, begin + count).
template <typename T>
JetProblem<T> chunk_of(JetProblem<T> problem, std::size_t begin, int count) {
  Points<T>& points = problem.points;
  const auto d = static_cast<std::size_t>(points.d), f = static_cast<std::size_t>(points.f);
  points.count = static_cast<std::size_t>(count);
  points.x = shifted(points.x, begin * d);
  points.tau = shifted(points.tau, begin * f);
  points.dtau = shifted(points.dtau, begin * f);
  if (problem.directions.kind == DirectionKind::kPoint) {
    problem.directions.data =
        shifted(problem.directions.data, begin * static_cast<std::size_t>(problem.directions.count) * d);
  }
  return problem;
}

template <typename F>
Fields<F> chunk_of(const Fields<F>& fields, const Architecture& network, int d, std::size_t begin) {
  return {shifted(fields.value, begin * static_cast<std::size_t>(network.widths[network.depth])),
          shifted(fields.dt, begin), shifted(fields.grad, begin * static_cast<std::size_t>(d)),
          shifted(fields.second, begin)};
}

template <typename T>
bool is_vector(const JetProblem<T>& problem) {
  return problem.jet == Jet::kDivergence;
}
template <typename T>
bool has_own_directions(const JetProblem<T>& problem) {
  return problem.jet != Jet::kGradient && problem.directions.kind == DirectionKind::kPoint;
}
template <typename T>
const T* own_directions(const JetProblem<T>& problem) {
  return has_own_directions(problem) ? problem.directions.data : nullptr;
}

template <typename T>
Shape shape_of(const JetProblem<T>& problem) {
  return stream_shape(problem.jet, problem.directions.count);
}

// Rows that a point has in the matrix of inputs, and in that of a vector network's outputs.
template <typename T>
int input_rows(const JetProblem<T>& problem, const Shape& shape) {
  return shape.tangents > 0 && has_own_directions(problem) ? shape.count() : 1 + shape.time;
}
template <typename T>
int output_rows(const JetProblem<T>& problem) {
  return has_own_directions(problem) ? shape_of(problem).count() : 1;
}

// Packed parameters in the workspace; hidden layers padded to `hidden_pad`, or each on its own if that is 0.
template <typename T>
PackedView<T> take_packed(Workspace& workspace, const JetProblem<T>& problem, int hidden_pad = 0) {
  PackedView<T> view;
  T* memory = workspace.take<T>(lay_out_packed(problem, hidden_pad, static_cast<T*>(nullptr), view));
  lay_out_packed(problem, hidden_pad, memory, view);
  return view;
}

template <typename T>
int widest_pad(const PackedView<T>& packed) {
  return *std::max_element(packed.pads, packed.pads + packed.depth + 1);
}

template <typename T>
T* take_rows(Workspace& workspace, int capacity, int rows, int line) {
  return workspace.take<T>(static_cast<std::size_t>(capacity) * static_cast<std::size_t>(rows) *
                           static_cast<std::size_t>(line));
}

template <typename T>
LayerStreams<T> layer_of(const PackedView<T>& packed, int l, const Shape& shape, int points) {
  return {shape, points, packed.widths[l + 1], packed.pads[l + 1], packed.activations[l], packed.bias[l]};
}

// Streams that enter layer l times its weights.
template <typename T>
void multiply_layer(Queue& queue, const PackedView<T>& packed, int l, int rows, const T* from, T* to,
                    bool add = false) {
  multiply<T>(queue, {from,
                      packed.pads[l],
                      {1, 1, 0},
                      packed.forward[l],
                      packed.pads[l + 1],
                      to,
                      packed.pads[l + 1],
                      rows,
                      packed.pads[l],
                      packed.pads[l + 1],
                      add});
}

// Adjoints of what leaves layer l times its transposed weights.
template <typename T>
void multiply_layer_back(Queue& queue, const PackedView<T>& packed, int l, int rows, const T* from, T* to,
                         bool add = false) {
  multiply<T>(queue, {from,
                      packed.pads[l + 1],
                      {1, 1, 0},
                      packed.backward[l],
                      packed.pads[l],
                      to,
                      packed.pads[l],
                      rows,
                      packed.pads[l + 1],
                      packed.pads[l],
                      add});
}

// What enters the first layer; with coefficients c of a jet as cpu/tile.h has it.
template <typename T>
void load_points(Queue& queue, const JetProblem<T>& problem, const Shape& shape, const Fields<const T>* c,
                 int line, T* inputs) {
  load_inputs<T>(queue, {problem.points, c == nullptr ? nullptr : c->grad, c == nullptr ? nullptr : c->dt,
                         own_directions(problem), shape, input_rows(problem, shape), inputs, line});
}

// Pre-activations of the first layer, without bias.
template <typename T>
void multiply_first(Queue& queue, const JetProblem<T>& problem, const Shape& shape,
                    const PackedView<T>& packed, const T* inputs, T* z) {
  const bool all = input_rows(problem, shape) == shape.count();
  expand<T>(queue,
            {static_cast<int>(problem.points.count), inputs, packed.pads[0], input_rows(problem, shape),
             packed.forward[0], packed.widths[0], all ? 0 : static_cast<int>(shape.second),
             packed.first_tangents, all ? 0 : shape.tangents, nullptr, z, packed.pads[1]});
}

}  // namespace transjet::cuda
