// Steps of the layered path in float, and the choice of how matrices are multiplied.
#include "cuda/kernels.h"

namespace transjet::cuda {

TRANSJET_INSTANTIATE_PRODUCTS(extern, Tf32x3);
TRANSJET_INSTANTIATE_PRODUCTS(extern, Bf16x3);
TRANSJET_INSTANTIATE_PRODUCTS(extern, Simt<float>);

TRANSJET_INSTANTIATE_STEPS(float);

template <>
void multiply(Queue& queue, const Product<float>& product) {
  if (queue.precision() == Precision::kIeee) return multiply_with<Simt<float>>(queue, product);
  if (queue.precision() == Precision::kBf16x3) return multiply_with<Bf16x3>(queue, product);
  multiply_with<Tf32x3>(queue, product);
}

template <>
void contract(Queue& queue, const Contraction<float>& contraction) {
  if (queue.precision() == Precision::kIeee) return contract_with<Simt<float>>(queue, contraction);
  if (queue.precision() == Precision::kBf16x3) return contract_with<Bf16x3>(queue, contraction);
  contract_with<Tf32x3>(queue, contraction);
}

template <>
void sum_matrices(Queue& queue, const MatrixSums<float>& sums) {
  if (queue.precision() == Precision::kIeee) return sum_with<Simt<float>>(queue, sums);
  if (queue.precision() == Precision::kBf16x3) return sum_with<Bf16x3>(queue, sums);
  sum_with<Tf32x3>(queue, sums);
}

}  // namespace transjet::cuda
