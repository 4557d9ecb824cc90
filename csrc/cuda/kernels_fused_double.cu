// Fused kernels in double, on tensor cores.
#include "cuda/fused_kernels.h"

namespace transjet::cuda {

template <>
void run_fused(Queue& queue, const FusedForward<double>& call) {
  run_fused_with<Dmma>(queue, call);
}
template <>
void run_fused(Queue& queue, const FusedTangent<double>& call) {
  run_fused_with<Dmma>(queue, call);
}
template <>
void run_fused(Queue& queue, const FusedFactors<double>& call) {
  run_fused_with<Dmma>(queue, call);
}
template <>
void run_fused(Queue& queue, const FusedGradient<double>& call) {
  run_fused_with<Dmma>(queue, call);
}

}  // namespace transjet::cuda
