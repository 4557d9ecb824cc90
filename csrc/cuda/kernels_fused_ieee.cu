// Fused kernels in float without tensor cores.
#include "cuda/fused_kernels.h"

namespace transjet::cuda {
TRANSJET_INSTANTIATE_FUSED(, Simt<float>);
}  // namespace transjet::cuda
