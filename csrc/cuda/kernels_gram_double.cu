// J J^T in double.
#include "cuda/kernels_gram.h"

namespace transjet::cuda {
TRANSJET_INSTANTIATE_GRAM_STEPS(double);
TRANSJET_INSTANTIATE_GRAM_PRODUCTS(double, double);
}  // namespace transjet::cuda
