// Products of float matrices without tensor cores.
#include "cuda/kernels.h"

namespace transjet::cuda {
TRANSJET_INSTANTIATE_PRODUCTS(, Simt<float>);
}  // namespace transjet::cuda
