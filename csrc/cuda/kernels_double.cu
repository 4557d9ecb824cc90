// Steps and products of the layered path in double.
#include "cuda/kernels.h"

namespace transjet::cuda {

TRANSJET_INSTANTIATE_PRODUCTS(, Dmma);
TRANSJET_INSTANTIATE_STEPS(double);

template <>
void multiply(Queue& queue, const Product<double>& product) {
  multiply_with<Dmma>(queue, product);
}

template <>
void contract(Queue& queue, const Contraction<double>& contraction) {
  contract_with<Dmma>(queue, contraction);
}

template <>
void sum_matrices(Queue& queue, const MatrixSums<double>& sums) {
  sum_with<Dmma>(queue, sums);
}

}  // namespace transjet::cuda
