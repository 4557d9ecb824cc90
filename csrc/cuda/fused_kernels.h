// Every fused kernel with the code that launches it: what the kernels_fused_*.cu instantiate.
#pragma once

#include "cuda/fused_gradient.cuh"
#include "cuda/fused_tangent.cuh"

namespace transjet::cuda {

template <typename TileT>
void launch_fused(Queue& queue, const FusedForward<typename TileT::T>& call) {
  launch_tiles(queue, fused_forward_kernel<TileT>, call, TileT::kRows, TileT::kSharedBytes);
}
template <typename TileT>
void launch_fused(Queue& queue, const FusedTangent<typename TileT::T>& call) {
  launch_tiles(queue, fused_tangent_kernel<TileT>, call, TileT::kHalf, TileT::kSharedBytes);
}
template <typename TileT>
void launch_fused(Queue& queue, const FusedFactors<typename TileT::T>& call) {
  launch_tiles(queue, fused_factors_kernel<TileT>, call, TileT::kRows, TileT::kSharedBytes);
}
template <typename TileT>
void launch_fused(Queue& queue, const FusedGradient<typename TileT::T>& call) {
  launch_tiles(queue, fused_gradient_kernel<TileT>, call, TileT::kRows, TileT::kSharedBytes);
}

template <typename Policy, typename Call>
void run_fused_with(Queue& queue, const Call& call) {
  using T = typename Policy::Element;
  if (call.problem.net.pads[1] == 64)
    return launch_fused<Tile<Policy, 64, fused_rows(sizeof(T), 64)>>(queue, call);
  launch_fused<Tile<Policy, 128, fused_rows(sizeof(T), 128)>>(queue, call);
}

}  // namespace transjet::cuda

#define TRANSJET_INSTANTIATE_FUSED(storage, Policy)                                           \
  storage template void run_fused_with<Policy>(Queue&, const FusedForward<Policy::Element>&); \
  storage template void run_fused_with<Policy>(Queue&, const FusedTangent<Policy::Element>&); \
  storage template void run_fused_with<Policy>(Queue&, const FusedFactors<Policy::Element>&); \
  storage template void run_fused_with<Policy>(Queue&, const FusedGradient<Policy::Element>&)
