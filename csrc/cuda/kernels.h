// Every kernel of the layered path with the code that launches it: what the kernels_*.cu instantiate.
#pragma once

#include "cuda/reductions.cuh"
#include "cuda/steps_streams.cuh"
#include "cuda/sums.cuh"

#define TRANSJET_INSTANTIATE_STEPS(T)                                                                        \
  template void load_inputs(Queue&, const Inputs<T>&);                                                       \
  template void expand(Queue&, const Expansion<T>&);                                                         \
  template void load_output_weights(Queue&, const OutputWeights<T>&);                                        \
  template void activate(Queue&, const LayerStreams<T>&, const T*, T*);                                      \
  template void pull_back(Queue&, const LayerStreams<T>&, T*, const T*);                                     \
  template void push_forward(Queue&, const LayerStreams<T>&, const T*, const T*, T*, T*, T*);                \
  template void pull_values_back(Queue&, const LayerStreams<T>&, T*, T*, const T*, const T*);                \
  template void seed_scalar(Queue&, const LayerStreams<T>&, const RowWeights<T>&, const T*, T*);             \
  template void scalar_outputs(Queue&, const LastLayer<T>&, int, bool, const Fields<T>&);                    \
  template void vector_outputs(Queue&, const LastLayer<T>&, int, const T*, int, const T*, const Fields<T>&); \
  template void gradient_outputs(Queue&, const Points<T>&, const T*, int, bool, const Fields<T>&);           \
  template void sum_streams(Queue&, const StreamSums<T>&);                                                   \
  template void reduce(Queue&, const Reductions<T>&);                                                        \
  template void add_tangent_sums(Queue&, const TangentSums<T>&);                                             \
  template void finish_product(Queue&, const Contraction<T>&, const Finish<T>&)

#define TRANSJET_INSTANTIATE_PRODUCTS(storage, Policy)                                      \
  storage template void multiply_with<Policy>(Queue&, const Product<Policy::Element>&);     \
  storage template void contract_with<Policy>(Queue&, const Contraction<Policy::Element>&); \
  storage template void sum_with<Policy>(Queue&, const MatrixSums<Policy::Element>&)
