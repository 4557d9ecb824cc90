// Blocks of columns of the Jacobian, from the factors of all points.
#pragma once

#include "cuda/gram_steps.h"

namespace transjet::cuda {

// Neighbours that a thread reads and writes at once.
template <typename T>
struct alignas(16) Four {
  T value[4];
};

template <typename T>
TRANSJET_DEVICE Four<T> load_four(const T* from) {
  return *reinterpret_cast<const Four<T>*>(from);
}

// sums[i][j] = sum_s a[s][i] b[s][j]
template <typename T>
TRANSJET_DEVICE void sum_outer_products(int streams, const T* a, int a_line, const T* b, int b_line,
                                        T (&sums)[4][4]) {
  for (int s = 0; s < streams; ++s, a += a_line, b += b_line) {
    const Four<T> x = load_four(a), y = load_four(b);
    TRANSJET_UNROLL
    for (int i = 0; i < 4; ++i) {
      TRANSJET_UNROLL
      for (int j = 0; j < 4; ++j) sums[i][j] += x.value[i] * y.value[j];
    }
  }
}

// A thread has four inputs and four columns of one point.
template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1) assemble_hidden_kernel(HiddenColumns<T> c) {
  const GramBlock<T>& block = c.block;
  const int across = block.row_length / 4, down = (block.rows + 3) / 4;
  const std::size_t p = element_index() / static_cast<std::size_t>(across * down);
  if (p >= static_cast<std::size_t>(block.points)) return;
  const int at = static_cast<int>(element_index() % static_cast<std::size_t>(across * down));
  const int row = at / across * 4, i = block.first + row, j = at % across * 4;
  const std::size_t first = p * static_cast<std::size_t>(c.streams);
  const T* b = c.zbar + first * static_cast<std::size_t>(c.zbar_line) + j;
  T sums[4][4] = {};
  if (i < c.in) {
    const T* a = c.h + first * static_cast<std::size_t>(c.h_line) + i;
    sum_outer_products(c.streams, a, c.h_line, b, c.zbar_line, sums);
  }
  T* to = block.to + p * static_cast<std::size_t>(block.line) + row * block.row_length + j;
  const Four<T> bias = load_four(b);
  TRANSJET_UNROLL
  for (int k = 0; k < 4; ++k) {
    if (row + k >= block.rows) continue;
    Four<T> values;
    TRANSJET_UNROLL
    for (int v = 0; v < 4; ++v) {
      const T value = i + k == c.in ? bias.value[v] : sums[k][v];
      values.value[v] = j + v < c.out ? value : T(0);
    }
    *reinterpret_cast<Four<T>*>(to + k * block.row_length) = values;
  }
}

// What the tangents add that are the same for all points.
template <typename T>
TRANSJET_DEVICE T tangent_column(const EndColumns<T>& c, std::size_t p, int i, const T* b) {
  T sum = T(0);
  if (i >= c.d) return sum;
  if (c.directions == nullptr) {
    sum = b[(c.head + i) * c.b_line];
  } else {
    for (int k = 0; k < c.tangents; ++k) sum += c.directions[k * c.d + i] * b[(c.head + k) * c.b_line];
  }
  return c.last ? c.weights(Weight::kSecond, static_cast<int>(p), 0) * sum : sum;
}

template <typename T>
TRANSJET_DEVICE T end_column(const EndColumns<T>& c, std::size_t p, int i, int j) {
  const T* a = c.a == nullptr
                   ? nullptr
                   : c.a + p * static_cast<std::size_t>(c.dense) * static_cast<std::size_t>(c.a_line);
  const T* b = c.b + p * static_cast<std::size_t>(c.streams) * static_cast<std::size_t>(c.b_line) + j;
  const int point = static_cast<int>(p);
  if (i == c.in && c.last) {
    if (j >= c.in) return T(0);
    return a == nullptr ? c.weights(Weight::kHead, point, 0) : a[j];
  }
  if (j >= c.out) return T(0);
  if (i == c.in) return b[0];
  T sum = T(0);
  for (int s = 0; s < c.dense; ++s)
    sum += (a == nullptr ? c.weights(Weight::kHead, point, s) : a[s * c.a_line + i]) * b[s * c.b_line];
  return c.tangents > 0 ? sum + tangent_column(c, p, i, b) : sum;
}

template <typename T>
TRANSJET_KERNEL void TRANSJET_BOUNDS(kStepThreads, 1) assemble_end_kernel(EndColumns<T> c) {
  const GramBlock<T>& block = c.block;
  const auto columns = static_cast<std::size_t>(block.columns());
  const std::size_t p = element_index() / columns;
  if (p >= static_cast<std::size_t>(block.points)) return;
  const int column = static_cast<int>(element_index() % columns);
  block.to[p * static_cast<std::size_t>(block.line) + static_cast<std::size_t>(column)] =
      end_column(c, p, block.first + column / block.row_length, column % block.row_length);
}

template <typename T>
void assemble(Queue& queue, const HiddenColumns<T>& columns) {
  const GramBlock<T>& block = columns.block;
  const int pieces = block.row_length / 4 * ((block.rows + 3) / 4);
  queue.launch(assemble_hidden_kernel<T>,
               blocks_for(static_cast<std::size_t>(block.points) * static_cast<std::size_t>(pieces)),
               kStepThreads, 0, columns);
}

template <typename T>
void assemble(Queue& queue, const EndColumns<T>& columns) {
  const GramBlock<T>& block = columns.block;
  queue.launch(assemble_end_kernel<T>,
               blocks_for(static_cast<std::size_t>(block.points) * static_cast<std::size_t>(block.columns())),
               kStepThreads, 0, columns);
}

}  // namespace transjet::cuda
