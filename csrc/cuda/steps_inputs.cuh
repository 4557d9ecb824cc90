// Points and coefficients to matrices, and the first layer.
#pragma once

#include "cuda/steps.h"

namespace transjet::cuda {

template <typename T>
TRANSJET_DEVICE T input_at(const Inputs<T>& in, int p, int s, int column) {
  const int d = in.points.d, f = in.points.f;
  if (column >= d + f) return T(0);
  const bool is_x = column < d;
  if (s == 0)
    return is_x ? in.points.x[offset_of(p, d) + static_cast<std::size_t>(column)]
                : in.points.tau[offset_of(p, f) + static_cast<std::size_t>(column - d)];
  if (s == 1 && in.shape.time) {
    if (is_x) return in.grad == nullptr ? T(0) : in.grad[offset_of(p, d) + static_cast<std::size_t>(column)];
    return (in.dt == nullptr ? T(1) : in.dt[p]) *
           in.points.dtau[offset_of(p, f) + static_cast<std::size_t>(column - d)];
  }
  if (s < in.shape.head() || !is_x) return T(0);
  return in.directions[offset_of(p * in.shape.tangents + s - in.shape.head(), d) +
                       static_cast<std::size_t>(column)];
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1) load_inputs_kernel(Inputs<T> in) {
  const std::size_t index = element_index();
  const Element at = element_of(index, in.line);
  if (at.row >= static_cast<int>(in.points.count) * in.rows) return;
  in.to[index] = input_at(in, at.row / in.rows, at.row % in.rows, at.column);
}

template <typename T>
void load_inputs(Queue& queue, const Inputs<T>& in) {
  const std::size_t rows = in.points.count * static_cast<std::size_t>(in.rows);
  queue.launch(load_inputs_kernel<T>, blocks_for(offset_of(rows, in.line)), kStepThreads, 0, in);
}

// Rows [first, first + kRows) of a point, one column of them.
template <int kRows, typename T>
TRANSJET_DEVICE void expand_dense(const Expansion<T>& e, const T* dense, const T* weights, int first, T* to) {
  T sums[kRows] = {};
  const T* from = dense + offset_of(first, e.dense_line);
  for (int k = 0; k < e.depth; ++k) {
    const T weight = weights[offset_of(k, e.line)];
    TRANSJET_UNROLL
    for (int i = 0; i < kRows; ++i)
      sums[i] += from[offset_of(i, e.dense_line) + static_cast<std::size_t>(k)] * weight;
  }
  TRANSJET_UNROLL
  for (int i = 0; i < kRows; ++i) to[offset_of(first + i, e.line)] = sums[i];
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1) expand_kernel(Expansion<T> e) {
  const Element at = element_of(element_index(), e.line);
  const int p = at.row, rows = e.dense_rows + e.zeros + e.tangents;
  if (p >= e.points) return;
  T* to = e.to + offset_of(p * rows, e.line) + at.column;
  const T* dense = e.dense + offset_of(p * e.dense_rows, e.dense_line);
  const T* weights = e.weights + at.column;
  int row = 0;
  for (; row + 4 <= e.dense_rows; row += 4) expand_dense<4>(e, dense, weights, row, to);
  for (; row < e.dense_rows; ++row) expand_dense<1>(e, dense, weights, row, to);
  for (int i = 0; i < e.zeros; ++i, ++row) to[offset_of(row, e.line)] = T(0);
  const T scale = e.scale == nullptr ? T(1) : e.scale[p];
  for (int k = 0; k < e.tangents; ++k, ++row)
    to[offset_of(row, e.line)] = scale * e.table[offset_of(k, e.line) + static_cast<std::size_t>(at.column)];
}

template <typename T>
void expand(Queue& queue, const Expansion<T>& e) {
  queue.launch(expand_kernel<T>, blocks_for(offset_of(e.points, e.line)), kStepThreads, 0, e);
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1) load_output_weights_kernel(OutputWeights<T> w) {
  const std::size_t index = element_index();
  const Element at = element_of(index, w.line);
  const int rows = w.directions == nullptr ? 1 : 1 + w.count, p = at.row / rows, s = at.row % rows;
  const auto column = static_cast<std::size_t>(at.column);
  if (p >= w.points) return;
  T value = T(0);
  if (at.column < w.d) {
    value = s == 0 ? w.value[offset_of(p, w.d) + column]
                   : w.second[p] * w.directions[offset_of(p * w.count + s - 1, w.d) + column];
  }
  w.to[index] = value;
}

template <typename T>
void load_output_weights(Queue& queue, const OutputWeights<T>& w) {
  const int rows = w.points * (w.directions == nullptr ? 1 : 1 + w.count);
  queue.launch(load_output_weights_kernel<T>, blocks_for(offset_of(rows, w.line)), kStepThreads, 0, w);
}

}  // namespace transjet::cuda
