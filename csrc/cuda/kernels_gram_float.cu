// J J^T of float operands, in float and, with sums of some hundred columns in float, in double.
#include "cuda/kernels_gram.h"

namespace transjet::cuda {
TRANSJET_INSTANTIATE_GRAM_STEPS(float);
TRANSJET_INSTANTIATE_GRAM_PRODUCTS(float, float);
TRANSJET_INSTANTIATE_GRAM_PRODUCTS(float, double);
}  // namespace transjet::cuda
