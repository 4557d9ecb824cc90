// The factors of a residual's Jacobian: streams and adjoints of every hidden layer, for given coefficients
// (cpu/factors.h derives them).
#pragma once

#include "cuda/fused_forward.cuh"

namespace transjet::cuda {

// Where rows of a point lie in a layer's matrix.
template <typename TileT, typename T>
TRANSJET_DEVICE Column<T> layer_column(T* rows, const Shape& shape, std::size_t point, int column) {
  const std::size_t row = point * static_cast<std::size_t>(shape.count());
  return {rows + row * static_cast<std::size_t>(TileT::kWidth) + column, TileT::kWidth};
}

template <typename T>
TRANSJET_DEVICE void copy_rows(int rows, typename Columns<T>::In from, typename Columns<T>::Out to) {
  TRANSJET_NO_UNROLL
  for (int s = 0; s < rows; ++s) to[s] = from[s];
}

// Adjoints g of the last hidden layer's streams, of a scalar network: the weight of each stream's output
// times the last layer's weights.
template <typename T>
TRANSJET_DEVICE void seed_scalar(const FusedProblem<T>& problem, const Fields<const T>& c, std::size_t n,
                                 T weight, const Column<T>& g) {
  const Shape& shape = problem.shape;
  g[0] = c.value[n] * weight;
  if (shape.time) g[1] = weight;
  if (shape.second) g[shape.second_row()] = c.second[n] * weight;
  for (int s = shape.head(); s < shape.count(); ++s) g[s] = T(0);
}

// Of a vector network: c_value on the value, c_second times its direction on each tangent.
template <typename T>
TRANSJET_DEVICE void seed_vector(const FusedProblem<T>& problem, const Fields<const T>& c, std::size_t n,
                                 int column, const Column<T>& g) {
  const PackedView<T>& net = problem.net;
  const Shape& shape = problem.shape;
  const int d = problem.points.d, width = net.pads[net.depth - 1];
  const T* weights = net.backward[net.depth - 1] + column;
  T value = T(0);
  for (int i = 0; i < d; ++i)
    value += c.value[n * static_cast<std::size_t>(d) + static_cast<std::size_t>(i)] * weights[i * width];
  g[0] = value;
  const T second = c.second[n];
  const bool own = net.last_tangents == nullptr;
  for (int k = 0; k < shape.tangents; ++k) {
    const T tangent =
        own ? own_tangent(problem, weights, width, n, k) : net.last_tangents[k * width + column];
    g[shape.head() + k] = second * tangent;
  }
}

// Sweeps back over the hidden layers. seed(point n, column, g) writes adjoints of the last one's streams;
// after each layer the adjoints of its pre-activations are in the tile and, where kKeep, in the place of
// those.
template <typename TileT, bool kKeep, typename T, typename Seed>
TRANSJET_DEVICE void sweep_backward(const FusedProblem<T>& problem, const LayerRows<T>& z,
                                    const PointRange& range, Seed&& seed) {
  const PackedView<T>& net = problem.net;
  const Shape& shape = problem.shape;
  const int top = net.depth - 2;
  TRANSJET_NO_UNROLL
  for (int l = top; l >= 0; --l) {
    if (l < top) {
      typename TileT::Sums sums;
      TileT::clear(sums);
      TileT::template multiply<false>(sums, net.backward[l + 1]);
      TileT::store(sums);
    }
    if (l > 0) TileT::start(net.backward[l]);
    sync_threads();
    for_each_column<TileT::kWidth>(range, [&](int p, int column) {
      const Column<T> g(TileT::rows() + p * shape.count() * TileT::kStride + column, TileT::kStride);
      const std::size_t point = range.start + static_cast<std::size_t>(p);
      if (l == top) seed(problem.begin + point, column, g);
      const Column<T> kept = layer_column<TileT>(z.layer[l], shape, point, column);
      pull_back(shape, derivatives(net.activations[l], kept[0]), kept, g, g);
      if (kKeep) copy_rows<T>(shape.count(), g, kept);
    });
  }
}

template <typename TileT>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kTileThreads, TileT::kResident)
    fused_factors_kernel(TRANSJET_CONSTANT FusedFactors<typename TileT::T> call) {
  using T = typename TileT::T;
  const FusedProblem<T>& problem = call.problem;
  const Shape& shape = problem.shape;
  for_each_tile(problem, [&](const PointRange& range) {
    sweep_forward<TileT>(problem, &call.coefficients, range,
                         [&](int l, int p, int column, const Column<T>& rows, bool h) {
                           const std::size_t point = range.start + static_cast<std::size_t>(p);
                           T* to = h ? call.h.layer[l] : call.zbar.layer[l];
                           copy_rows<T>(shape.count(), rows, layer_column<TileT>(to, shape, point, column));
                         });
    sweep_backward<TileT, true>(
        problem, call.zbar, range, [&](std::size_t n, int column, const Column<T>& g) {
          if (problem.jet == Jet::kDivergence) return seed_vector(problem, call.coefficients, n, column, g);
          seed_scalar(problem, call.coefficients, n, problem.net.backward[problem.net.depth - 1][column], g);
        });
  });
}

}  // namespace transjet::cuda
