// Points and coefficients to matrices, and the first layer.
#pragma once

#include "cuda/steps.h"

namespace transjet::cuda {

TRANSJET_DEVICE int element_index() { return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); }

template <typename T>
TRANSJET_DEVICE T input_at(const Inputs<T>& in, int p, int s, int column) {
  const int d = in.points.d, f = in.points.f;
  if (column >= d + f) return T(0);
  const bool is_x = column < d;
  if (s == 0) return is_x ? in.points.x[p * d + column] : in.points.tau[p * f + column - d];
  if (s == 1 && in.shape.time) {
    if (is_x) return in.grad == nullptr ? T(0) : in.grad[p * d + column];
    return (in.dt == nullptr ? T(1) : in.dt[p]) * in.points.dtau[p * f + column - d];
  }
  if (s < in.shape.head() || !is_x) return T(0);
  return in.directions[(p * in.shape.tangents + s - in.shape.head()) * d + column];
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1) load_inputs_kernel(Inputs<T> in) {
  const int at = element_index(), row = at / in.line;
  if (row >= static_cast<int>(in.points.count) * in.rows) return;
  in.to[at] = input_at(in, row / in.rows, row % in.rows, at % in.line);
}

template <typename T>
void load_inputs(Queue& queue, const Inputs<T>& in) {
  const std::size_t rows = in.points.count * static_cast<std::size_t>(in.rows);
  queue.launch(load_inputs_kernel<T>, blocks_for(rows * static_cast<std::size_t>(in.line)), kStepThreads, 0,
               in);
}

// Rows [first, first + kRows) of a point, one column of them.
template <int kRows, typename T>
TRANSJET_DEVICE void expand_dense(const Expansion<T>& e, const T* dense, int first, int column, T* to) {
  T sums[kRows] = {};
  const T* from = dense + first * e.dense_line;
  for (int k = 0; k < e.depth; ++k) {
    const T weight = e.weights[k * e.line + column];
    TRANSJET_UNROLL
    for (int i = 0; i < kRows; ++i) sums[i] += from[i * e.dense_line + k] * weight;
  }
  TRANSJET_UNROLL
  for (int i = 0; i < kRows; ++i) to[(first + i) * e.line] = sums[i];
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1) expand_kernel(Expansion<T> e) {
  const int at = element_index(), p = at / e.line, column = at % e.line;
  if (p >= e.points) return;
  const int rows = e.dense_rows + e.zeros + e.tangents;
  T* to = e.to + p * rows * e.line + column;
  const T* dense = e.dense + p * e.dense_rows * e.dense_line;
  int row = 0;
  for (; row + 4 <= e.dense_rows; row += 4) expand_dense<4>(e, dense, row, column, to);
  for (; row < e.dense_rows; ++row) expand_dense<1>(e, dense, row, column, to);
  for (int i = 0; i < e.zeros; ++i, ++row) to[row * e.line] = T(0);
  const T scale = e.scale == nullptr ? T(1) : e.scale[p];
  for (int k = 0; k < e.tangents; ++k, ++row) to[row * e.line] = scale * e.table[k * e.line + column];
}

template <typename T>
void expand(Queue& queue, const Expansion<T>& e) {
  queue.launch(expand_kernel<T>,
               blocks_for(static_cast<std::size_t>(e.points) * static_cast<std::size_t>(e.line)),
               kStepThreads, 0, e);
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1) load_output_weights_kernel(OutputWeights<T> w) {
  const int at = element_index(), row = at / w.line, column = at % w.line;
  const int rows = w.directions == nullptr ? 1 : 1 + w.count, p = row / rows, s = row % rows;
  if (p >= w.points) return;
  T value = T(0);
  if (column < w.d) {
    value =
        s == 0 ? w.value[p * w.d + column] : w.second[p] * w.directions[(p * w.count + s - 1) * w.d + column];
  }
  w.to[at] = value;
}

template <typename T>
void load_output_weights(Queue& queue, const OutputWeights<T>& w) {
  const int rows = w.points * (w.directions == nullptr ? 1 : 1 + w.count);
  queue.launch(load_output_weights_kernel<T>,
               blocks_for(static_cast<std::size_t>(rows) * static_cast<std::size_t>(w.line)), kStepThreads, 0,
               w);
}

}  // namespace transjet::cuda
