// Fused kernels in float on tensor cores, in bfloat16.
#include "cuda/fused_kernels.h"

namespace transjet::cuda {
TRANSJET_INSTANTIATE_FUSED(, Bf16x3);
}  // namespace transjet::cuda
