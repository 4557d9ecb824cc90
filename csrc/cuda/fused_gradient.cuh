// Value, derivative in time and gradient of a scalar network by one sweep forward and one back: one row a
// point, whatever the dimension.
#pragma once

#include "cuda/fused_factors.cuh"

namespace transjet::cuda {

// The derivatives with respect to the inputs: <zbar of the first layer, row i of its weights>.
template <typename TileT, typename T>
TRANSJET_DEVICE void write_gradient(const FusedProblem<T>& problem, const PointRange& range,
                                    const Fields<T>& result) {
  const Points<T>& points = problem.points;
  const int d = points.d, numbers = d + (result.dt == nullptr ? 0 : 1);
  TRANSJET_NO_UNROLL
  for (int i = warp_index(); i < range.points * numbers; i += kTileThreads / kWarpSize) {
    const int p = i / numbers, which = i % numbers;
    const std::size_t n = problem.begin + range.start + static_cast<std::size_t>(p);
    const T* zbar = TileT::rows() + p * TileT::kStride;
    const T* weights = problem.net.forward[0];
    T sum = T(0);
    if (which < d) {
      sum = dot<TileT::kWidth>(zbar, weights + which * TileT::kWidth);
    } else {
      for (int j = 0; j < points.f; ++j) {
        sum += points.dtau[n * static_cast<std::size_t>(points.f) + static_cast<std::size_t>(j)] *
               dot<TileT::kWidth>(zbar, weights + (d + j) * TileT::kWidth);
      }
    }
    sum = sum_of_lanes(sum);
    if (lane_index() != 0) continue;
    if (which < d) {
      result.grad[n * static_cast<std::size_t>(d) + static_cast<std::size_t>(which)] = sum;
    } else {
      result.dt[n] = sum;
    }
  }
}

template <typename TileT>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kTileThreads, TileT::kResident)
    fused_gradient_kernel(TRANSJET_CONSTANT FusedGradient<typename TileT::T> call) {
  using T = typename TileT::T;
  const FusedProblem<T>& problem = call.problem;
  for_each_tile(problem, [&](const PointRange& range) {
    sweep_forward<TileT>(problem, static_cast<const Fields<const T>*>(nullptr), range,
                         [&](int l, int p, int column, const Column<T>& rows, bool h) {
                           const std::size_t point = range.start + static_cast<std::size_t>(p);
                           if (!h)
                             layer_column<TileT>(call.z.layer[l], problem.shape, point, column)[0] = rows[0];
                         });
    sync_threads();
    if (call.result.value != nullptr) {
      LastRows<T> last[1] = {{TileT::rows(), &problem.net}};
      Outputs<TileT, 1>{problem, last}.scalar(range, call.result);
    }
    separate_instructions();
    sweep_backward<TileT, false>(problem, call.z, range, [&](std::size_t, int column, const Column<T>& g) {
      g[0] = problem.net.backward[problem.net.depth - 1][column];
    });
    sync_threads();
    write_gradient<TileT>(problem, range, call.result);
  });
}

}  // namespace transjet::cuda
