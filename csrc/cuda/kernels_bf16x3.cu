// Products of float matrices on tensor cores, in bfloat16.
#include "cuda/kernels.h"

namespace transjet::cuda {
TRANSJET_INSTANTIATE_PRODUCTS(, Bf16x3);
}  // namespace transjet::cuda
