// Streams and their change along a change of the parameters, together through all hidden layers: the streams
// in the first half of a tile, their change in the second.
#pragma once

#include "cuda/fused_forward.cuh"

namespace transjet::cuda {

template <typename TileT, typename T>
TRANSJET_DEVICE void sweep_tangent(const FusedProblem<T>& problem, const PackedView<T>& change,
                                   const PointRange& range) {
  const PackedView<T>& net = problem.net;
  const Shape& shape = problem.shape;
  const int hidden = net.depth - 1;
  TRANSJET_NO_UNROLL
  for (int l = 0; l < hidden; ++l) {
    if (l > 0) {
      typename TileT::Sums sums;
      TileT::clear(sums);
      TileT::template multiply<false>(sums, net.forward[l]);
      TileT::start(change.forward[l]);
      TileT::template multiply<true>(sums, change.forward[l]);
      TileT::store(sums);
    }
    if (l + 1 < hidden) TileT::start(net.forward[l + 1]);
    sync_threads();
    for_each_column<TileT::kWidth>(range, [&](int p, int column) {
      T* first = TileT::rows() + p * shape.count() * TileT::kStride + column;
      const Column<T> z(first, TileT::kStride), zdot(first + TileT::kHalf * TileT::kStride, TileT::kStride);
      const std::size_t n = problem.begin + range.start + static_cast<std::size_t>(p);
      if (l == 0) {
        first_layer(problem, net, static_cast<const Fields<const T>*>(nullptr), n, column, z);
        first_layer(problem, change, static_cast<const Fields<const T>*>(nullptr), n, column, zdot);
      }
      z[0] += net.bias[l][column];
      zdot[0] += change.bias[l][column];
      const Derivatives<T> at = derivatives(net.activations[l], z[0]);
      push_forward(shape, at, z, zdot, zdot);
      activate(shape, at, z, z);
    });
  }
}

template <typename TileT>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kTileThreads, TileT::kResident)
    fused_tangent_kernel(TRANSJET_CONSTANT FusedTangent<typename TileT::T> call) {
  using T = typename TileT::T;
  const FusedProblem<T>& problem = call.problem;
  for_each_tile(problem, [&](const PointRange& range) {
    sweep_tangent<TileT>(problem, call.change, range);
    sync_threads();
    LastRows<T> last[2] = {{TileT::rows() + TileT::kHalf * TileT::kStride, &problem.net},
                           {TileT::rows(), &call.change}};
    Outputs<TileT, 2>{problem, last}.write(range, call.result);
  });
}

}  // namespace transjet::cuda
