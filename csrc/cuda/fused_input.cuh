// The first layer: pre-activations of one point and one column. Its inputs are few, or rows of the weights,
// so that there is no product of matrices.
#pragma once

#include "cuda/fused_problem.cuh"

namespace transjet::cuda {

// Derivative along row k of a point's own directions.
template <typename T>
TRANSJET_DEVICE T own_tangent(const FusedProblem<T>& problem, const T* weights, int width, std::size_t n,
                              int k) {
  const int d = problem.points.d;
  const T* direction = problem.directions.data +
                       (n * static_cast<std::size_t>(problem.shape.tangents) + static_cast<std::size_t>(k)) *
                           static_cast<std::size_t>(d);
  T sum = T(0);
  for (int i = 0; i < d; ++i) sum += direction[i] * weights[i * width];
  return sum;
}

// z of point n, without bias, with the first layer's weights of `net` (those of the problem, or a change of
// them). The tangent in time moves tau along dtau and lets x rest; with coefficients c of a jet it moves
// (x, tau) along (c_grad, c_dt dtau), and so gives their whole contribution at once.
template <typename T>
TRANSJET_DEVICE void first_layer(const FusedProblem<T>& problem, const PackedView<T>& net,
                                 const Fields<const T>* coefficients, std::size_t n, int column,
                                 const Column<T>& z) {
  const Points<T>& points = problem.points;
  const Shape& shape = problem.shape;
  const int d = points.d, f = points.f, width = net.pads[1];
  const T* weights = net.forward[0] + column;
  const T* x = points.x + n * static_cast<std::size_t>(d);
  const std::size_t features = n * static_cast<std::size_t>(f);
  T value = T(0), time = T(0);
  for (int i = 0; i < d; ++i) value += x[i] * weights[i * width];
  for (int j = 0; j < f; ++j) {
    const T weight = weights[(d + j) * width];
    value += points.tau[features + static_cast<std::size_t>(j)] * weight;
    if (shape.time) time += points.dtau[features + static_cast<std::size_t>(j)] * weight;
  }
  if (shape.time && coefficients != nullptr) {
    const T* grad = coefficients->grad + n * static_cast<std::size_t>(d);
    time *= coefficients->dt[n];
    for (int i = 0; i < d; ++i) time += grad[i] * weights[i * width];
  }
  z[0] = value;
  if (shape.time) z[1] = time;
  if (shape.second) z[shape.second_row()] = T(0);
  const bool own = net.first_tangents == nullptr;
  for (int k = 0; k < shape.tangents; ++k) {
    z[shape.head() + k] =
        own ? own_tangent(problem, weights, width, n, k) : net.first_tangents[k * width + column];
  }
}

}  // namespace transjet::cuda
