// The streams of a tile of points through all hidden layers, and the jet's fields.
#pragma once

#include "cuda/fused_input.cuh"
#include "cuda/fused_output.cuh"

namespace transjet::cuda {

// The sweep that the kernels with one set of streams have in common. keep(layer, point, column, z, h = false
// or true) is called with the pre-activations and then with the streams of every point and column.
template <typename TileT, typename T, typename Keep>
TRANSJET_DEVICE void sweep_forward(const FusedProblem<T>& problem, const Fields<const T>* coefficients,
                                   const PointRange& range, Keep&& keep) {
  const PackedView<T>& net = problem.net;
  const Shape& shape = problem.shape;
  const int hidden = net.depth - 1;
  TRANSJET_NO_UNROLL
  for (int l = 0; l < hidden; ++l) {
    if (l > 0) {
      typename TileT::Sums sums;
      TileT::clear(sums);
      TileT::template multiply<false>(sums, net.forward[l]);
      TileT::store(sums);
    }
    if (l + 1 < hidden) TileT::start(net.forward[l + 1]);
    sync_threads();
    for_each_column<TileT::kWidth>(range, [&](int p, int column) {
      const Column<T> z(TileT::rows() + p * shape.count() * TileT::kStride + column, TileT::kStride);
      const std::size_t n = problem.begin + range.start + static_cast<std::size_t>(p);
      if (l == 0) first_layer(problem, net, coefficients, n, column, z);
      z[0] += net.bias[l][column];
      keep(l, p, column, z, false);
      activate(shape, derivatives(net.activations[l], z[0]), z, z);
      keep(l, p, column, z, true);
    });
  }
}

template <typename TileT>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kTileThreads, TileT::kResident)
    fused_forward_kernel(TRANSJET_CONSTANT FusedForward<typename TileT::T> call) {
  using T = typename TileT::T;
  const FusedProblem<T>& problem = call.problem;
  for_each_tile(problem, [&](const PointRange& range) {
    sweep_forward<TileT>(problem, static_cast<const Fields<const T>*>(nullptr), range,
                         [](int, int, int, const Column<T>&, bool) {});
    sync_threads();
    LastRows<T> last[1] = {{TileT::rows(), &problem.net}};
    Outputs<TileT, 1>{problem, last}.write(range, call.result);
  });
}

}  // namespace transjet::cuda
