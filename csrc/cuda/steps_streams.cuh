// Streams through an activation, forward and back: a thread takes one column of one point's rows.
#pragma once

#include "cuda/steps_inputs.cuh"

namespace transjet::cuda {

// The column of a thread, and whether it is one of the layer's or padding, which kernels fill with zeros:
// products go through it.
template <typename T>
struct Place {
  std::size_t offset;
  int point, column;
  bool real;
};

template <typename T>
TRANSJET_DEVICE bool find_place(const LayerStreams<T>& layer, Place<T>& place) {
  const Element at = element_of(element_index(), layer.line);
  place.point = at.row;
  place.column = at.column;
  place.offset = offset_of(at.row, layer.shape.count()) * static_cast<std::size_t>(layer.line) +
                 static_cast<std::size_t>(at.column);
  place.real = at.column < layer.width;
  return at.row < layer.points;
}

template <typename T>
TRANSJET_DEVICE void clear_column(const LayerStreams<T>& layer, T* column) {
  for (int row = 0; row < layer.shape.count(); ++row) column[offset_of(row, layer.line)] = T(0);
}

template <typename T>
TRANSJET_DEVICE Derivatives<T> derivatives_at(const LayerStreams<T>& layer, const Place<T>& place,
                                              const T* z) {
  return derivatives(layer.activation, z[place.offset] + layer.bias[place.column]);
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1)
    activate_kernel(LayerStreams<T> layer, const T* z, T* h) {
  Place<T> place;
  if (!find_place(layer, place)) return;
  if (!place.real) return clear_column(layer, h + place.offset);
  const Derivatives<T> at = derivatives_at(layer, place, z);
  activate<T>(layer.shape, at, {z + place.offset, layer.line}, {h + place.offset, layer.line});
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1)
    pull_back_kernel(LayerStreams<T> layer, T* z, const T* g) {
  Place<T> place;
  if (!find_place(layer, place)) return;
  if (!place.real) return clear_column(layer, z + place.offset);
  const Derivatives<T> at = derivatives_at(layer, place, z);
  pull_back<T>(layer.shape, at, {z + place.offset, layer.line}, {g + place.offset, layer.line},
               {z + place.offset, layer.line});
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1)
    push_forward_kernel(LayerStreams<T> layer, const T* bias_change, const T* z, T* zdot, T* h, T* hdot) {
  Place<T> place;
  if (!find_place(layer, place)) return;
  if (!place.real) {
    clear_column(layer, h + place.offset);
    return clear_column(layer, hdot + place.offset);
  }
  const Derivatives<T> at = derivatives_at(layer, place, z);
  zdot[place.offset] += bias_change[place.column];
  push_forward<T>(layer.shape, at, {z + place.offset, layer.line}, {zdot + place.offset, layer.line},
                  {hdot + place.offset, layer.line});
  activate<T>(layer.shape, at, {z + place.offset, layer.line}, {h + place.offset, layer.line});
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1)
    pull_values_back_kernel(LayerStreams<T> layer, T* z, T* zdot, const T* g, const T* gdot) {
  Place<T> place;
  if (!find_place(layer, place)) return;
  const std::size_t i = place.offset;
  T zbar = T(0), zbardot = T(0);
  if (place.real) {
    const Derivatives<T> at = derivatives_at(layer, place, z);
    zbar = at.f1 * g[i];
    zbardot = at.f1 * gdot[i] + at.f2 * zdot[i] * g[i];
  }
  z[i] = zbar;
  zdot[i] = zbardot;
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1)
    seed_scalar_kernel(LayerStreams<T> layer, RowWeights<T> weights, const T* last, T* g) {
  Place<T> place;
  if (!find_place(layer, place)) return;
  const int head = layer.shape.head();
  for (int s = 0; s < layer.shape.count(); ++s) {
    T weight = T(1);
    if (weights.value != nullptr) weight = s < head ? weights(Weight::kHead, place.point, s) : T(0);
    g[place.offset + offset_of(s, layer.line)] = weight * last[place.column];
  }
}

template <typename T, typename Kernel, typename... Arguments>
void launch_over(Queue& queue, const LayerStreams<T>& layer, Kernel kernel, const Arguments&... arguments) {
  queue.launch(kernel, blocks_for(offset_of(layer.points, layer.line)), kStepThreads, 0, layer, arguments...);
}

template <typename T>
void activate(Queue& queue, const LayerStreams<T>& layer, const T* z, T* h) {
  launch_over(queue, layer, activate_kernel<T>, z, h);
}
template <typename T>
void pull_back(Queue& queue, const LayerStreams<T>& layer, T* z, const T* g) {
  launch_over(queue, layer, pull_back_kernel<T>, z, g);
}
template <typename T>
void push_forward(Queue& queue, const LayerStreams<T>& layer, const T* bias_change, const T* z, T* zdot, T* h,
                  T* hdot) {
  launch_over(queue, layer, push_forward_kernel<T>, bias_change, z, zdot, h, hdot);
}
template <typename T>
void pull_values_back(Queue& queue, const LayerStreams<T>& layer, T* z, T* zdot, const T* g, const T* gdot) {
  launch_over(queue, layer, pull_values_back_kernel<T>, z, zdot, g, gdot);
}
template <typename T>
void seed_scalar(Queue& queue, const LayerStreams<T>& layer, const RowWeights<T>& weights, const T* last,
                 T* g) {
  launch_over(queue, layer, seed_scalar_kernel<T>, weights, last, g);
}

}  // namespace transjet::cuda
