// Every kernel of J J^T with the code that launches it: what the kernels_gram_*.cu instantiate.
#pragma once

#include "cuda/gram_assemble.cuh"
#include "cuda/gram_products.cuh"

// The steps in T, and products with a result in R.
#define TRANSJET_INSTANTIATE_GRAM_STEPS(T)                 \
  template void assemble(Queue&, const HiddenColumns<T>&); \
  template void assemble(Queue&, const EndColumns<T>&);    \
  template void finish_gram(Queue&, const GramSums<T>&)
#define TRANSJET_INSTANTIATE_GRAM_PRODUCTS(T, R)                     \
  template void add_products(Queue&, const AssembledProduct<T, R>&); \
  template void add_products(Queue&, const FactoredProduct<T, R>&)

namespace transjet::cuda {

// Calls add(policy) with the way of multiplying that the queue asks for.
template <typename Add>
void with_policy(const Queue& queue, float, Add&& add) {
  if (queue.precision() == Precision::kIeee) return add(Simt<float>{});
  if (queue.precision() == Precision::kBf16x3) return add(Bf16x3{});
  add(Tf32x3{});
}
template <typename Add>
void with_policy(const Queue&, double, Add&& add) {
  add(Dmma{});
}

template <typename T, typename R>
void add_products(Queue& queue, const AssembledProduct<T, R>& product) {
  with_policy(queue, T(), [&](auto policy) { add_products_with<decltype(policy)>(queue, product); });
}
template <typename T, typename R>
void add_products(Queue& queue, const FactoredProduct<T, R>& product) {
  with_policy(queue, T(), [&](auto policy) { add_products_with<decltype(policy)>(queue, product); });
}

}  // namespace transjet::cuda
