// The factors of a residual's Jacobian, by whichever kernels serve.
#pragma once

#include "cuda/fused_calls.h"
#include "cuda/layered_factors.h"

namespace transjet::cuda {

// What hidden layers are padded to for the fused kernels, or 0 for the layered ones.
template <typename T>
int pad_for_factors(const JetProblem<T>& problem, const Options& options) {
  return options.layered ? 0 : fused_pad<T>(problem.network, shape_of(problem).count(), false);
}

template <typename T>
LayerRows<T> rows_of_layers(T* const (&layers)[kMaxLayers]) {
  LayerRows<T> rows;
  std::copy(layers, layers + kMaxLayers, rows.layer);
  return rows;
}

// `packed` has been padded to `pad`.
template <typename T>
void find_factors(Queue& queue, const JetProblem<T>& problem, const PackedView<T>& packed, int pad,
                  const Fields<const T>& c, const Factors<T>& factors) {
  load_ends(queue, problem, packed, c, factors);
  if (pad == 0) return sweep_factors(queue, problem, packed, c, factors);
  const FusedProblem<T> fused = fused_problem(problem, packed, shape_of(problem), 0, problem.points.count);
  run_fused(queue, FusedFactors<T>{fused, c, rows_of_layers(factors.h), rows_of_layers(factors.zbar)});
}

}  // namespace transjet::cuda
