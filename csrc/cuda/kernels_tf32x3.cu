// Products of float matrices on tensor cores, in tf32.
#include "cuda/kernels.h"

namespace transjet::cuda {
TRANSJET_INSTANTIATE_PRODUCTS(, Tf32x3);
}  // namespace transjet::cuda
