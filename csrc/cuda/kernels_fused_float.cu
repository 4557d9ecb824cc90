// The choice of how the fused kernels multiply matrices of float.
#include "cuda/fused_kernels.h"

namespace transjet::cuda {
namespace {

template <typename Call>
void choose(Queue& queue, const Call& call) {
  if (queue.precision() == Precision::kIeee) return run_fused_with<Simt<float>>(queue, call);
  if (queue.precision() == Precision::kBf16x3) return run_fused_with<Bf16x3>(queue, call);
  run_fused_with<Tf32x3>(queue, call);
}

}  // namespace

TRANSJET_INSTANTIATE_FUSED(extern, Tf32x3);
TRANSJET_INSTANTIATE_FUSED(extern, Bf16x3);
TRANSJET_INSTANTIATE_FUSED(extern, Simt<float>);

template <>
void run_fused(Queue& queue, const FusedForward<float>& call) {
  choose(queue, call);
}
template <>
void run_fused(Queue& queue, const FusedTangent<float>& call) {
  choose(queue, call);
}
template <>
void run_fused(Queue& queue, const FusedFactors<float>& call) {
  choose(queue, call);
}
template <>
void run_fused(Queue& queue, const FusedGradient<float>& call) {
  choose(queue, call);
}

}  // namespace transjet::cuda
