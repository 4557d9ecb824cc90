// Fused kernels in float on tensor cores, in tf32.
#include "cuda/fused_kernels.h"

namespace transjet::cuda {
TRANSJET_INSTANTIATE_FUSED(, Tf32x3);
}  // namespace transjet::cuda
