// The last layer: from the streams of the last hidden layer to a jet's fields. A warp takes one inner product
// after the other.
#pragma once

#include "cuda/steps_inputs.cuh"

namespace transjet::cuda {

TRANSJET_DEVICE int warp_of_grid() { return static_cast<int>(element_index() / kWarpSize); }

// Over the lanes of a warp; every lane gets it.
template <typename T>
TRANSJET_DEVICE T sum_lanes(T value) {
  TRANSJET_UNROLL
  for (int mask = kWarpSize / 2; mask > 0; mask /= 2) value += shuffle_xor(value, mask);
  return value;
}

// This lane's part of <row of h, weights>, over both pairs.
template <typename T>
TRANSJET_DEVICE T part_of_product(const LastLayer<T>& last, int row, int weights_row) {
  T sum = T(0);
  for (int pair = 0; pair < 2 && last.h[pair] != nullptr; ++pair) {
    const T* h = last.h[pair] + offset_of(row, last.line);
    const T* weights = last.weights[pair] + offset_of(weights_row, last.line);
    for (int i = lane_index(); i < last.width; i += kWarpSize) sum += h[i] * weights[i];
  }
  return sum;
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1)
    scalar_outputs_kernel(LastLayer<T> last, int d, int rows, Fields<T> result) {
  const int p = warp_of_grid() / rows, s = warp_of_grid() % rows;
  if (p >= last.points) return;
  const T value = sum_lanes(part_of_product(last, p * last.shape.count() + s, 0));
  if (lane_index() != 0) return;
  if (s == 0) {
    result.value[p] = value + last.bias[0];
  } else if (last.shape.time && s == 1) {
    result.dt[p] = value;
  } else if (last.shape.second && s == last.shape.second_row()) {
    result.second[p] = value;
  } else {
    result.grad[offset_of(p, d) + static_cast<std::size_t>(s - last.shape.head())] = value;
  }
}

template <typename T>
void scalar_outputs(Queue& queue, const LastLayer<T>& last, int d, bool coordinates,
                    const Fields<T>& result) {
  const int rows = coordinates ? last.shape.count() : last.shape.head();
  const std::size_t threads = offset_of(last.points, rows) * kWarpSize;
  queue.launch(scalar_outputs_kernel<T>, blocks_for(threads), kStepThreads, 0, last, d, rows, result);
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1)
    vector_outputs_kernel(LastLayer<T> last, int d, const T* outputs, int line, const T* directions,
                          Fields<T> result) {
  const int p = warp_of_grid(), count = last.shape.tangents;
  if (p >= last.points) return;
  const int streams = directions == nullptr ? 1 : 1 + count;
  const T* value = outputs + offset_of(p * streams, line);
  T* to = result.value + offset_of(p, d);
  for (int i = lane_index(); i < d; i += kWarpSize) to[i] = value[i] + last.bias[i];
  T sum = T(0);
  for (int k = 0; k < count; ++k) {
    if (directions == nullptr) {
      sum += part_of_product(last, p * (1 + count) + 1 + k, k);
      continue;
    }
    const T* tangent = value + offset_of(1 + k, line);
    const T* direction = directions + offset_of(p * count + k, d);
    for (int i = lane_index(); i < d; i += kWarpSize) sum += tangent[i] * direction[i];
  }
  sum = sum_lanes(sum);
  if (lane_index() == 0) result.second[p] = sum;
}

template <typename T>
void vector_outputs(Queue& queue, const LastLayer<T>& last, int d, const T* outputs, int outputs_line,
                    const T* own_directions, const Fields<T>& result) {
  queue.launch(vector_outputs_kernel<T>, blocks_for(static_cast<std::size_t>(last.points) * kWarpSize),
               kStepThreads, 0, last, d, outputs, outputs_line, own_directions, result);
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1)
    gradient_outputs_kernel(Points<T> points, const T* gradient, int line, bool with_dt, Fields<T> result) {
  const int d = points.d, f = points.f;
  const Element at = element_of(element_index(), d + 1);
  const int p = at.row, i = at.column;
  if (p >= static_cast<int>(points.count)) return;
  const T* from = gradient + offset_of(p, line);
  if (i < d) {
    result.grad[offset_of(p, d) + static_cast<std::size_t>(i)] = from[i];
  } else if (with_dt) {
    const T* dtau = points.dtau + offset_of(p, f);
    T sum = T(0);
    for (int k = 0; k < f; ++k) sum += from[d + k] * dtau[k];
    result.dt[p] = sum;
  }
}

template <typename T>
void gradient_outputs(Queue& queue, const Points<T>& points, const T* gradient, int line, bool with_dt,
                      const Fields<T>& result) {
  queue.launch(gradient_outputs_kernel<T>, blocks_for(points.count * static_cast<std::size_t>(points.d + 1)),
               kStepThreads, 0, points, gradient, line, with_dt, result);
}

}  // namespace transjet::cuda
