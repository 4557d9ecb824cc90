// A hidden layer's product and activation in one step, for all streams but the value: once the value's slopes
// are known the rules of streams.h are linear in the pre-activations, except for the squares of the tangents,
// so that sums of a point go through them before they leave the registers.
#pragma once

#include "cpu/gemm.h"
#include "cpu/streams.h"

namespace transjet::cpu::TRANSJET_ISA {

// One panel of a layer: streams in, weights, slopes; streams out, and pre-activations where they are wanted.
template <typename T>
struct StreamProduct {
  Panels<const T> streams;
  int depth;
  const T* weights;
  const T* slopes;
  T* h;
  T* z;  // or null
};

// Rows of Q points, S consecutive streams of each; the points have kStreams streams.
template <typename T, int S, int kStreams>
struct PointRows {
  static constexpr int at(int row) { return (row / S * kStreams + row % S) * kPanel<T>; }
};

// What the S rows of a block are: those from `tangents` on are tangents, row `second` (-1: none) the
// second-order stream.
struct RowKinds {
  int tangents, second;
};

// One point's rows z of a block through the activation; squares of its tangents are added to `squares`.
template <typename T, int S, int V, int R>
TRANSJET_INLINE void leave_block(const Vec<T> (&sums)[R][V], int first, const RowKinds& kinds,
                                 const T* slopes, Vec<T>* squares, T* h, T* z) {
  TRANSJET_EACH_VECTOR {
    const int at = v * kLanes<T>;
    const Vec<T> f1 = load(slopes + at);
    Vec<T> total = squares[v];
#pragma GCC unroll 16
    for (int s = 0; s < S; ++s) {
      const Vec<T> row = sums[first + s][v];
      if (s >= kinds.tangents) total = row * row + total;
      if (z != nullptr) store(z + s * kPanel<T> + at, row);
      store(h + s * kPanel<T> + at, f1 * row);
    }
    squares[v] = total;
    if (kinds.second < 0) continue;
    const Vec<T> bend = load(slopes + kPanel<T> + at) * total;
#pragma GCC unroll 2
    for (int s = 0; s < (S < 2 ? S : 2); ++s) {
      if (s == kinds.second) store(h + s * kPanel<T> + at, f1 * sums[first + s][v] + bend);
    }
  }
}

// All S streams but the value of Q points.
template <typename T, int S, int Q, int V>
void point_block(const StreamProduct<T>& product, const RowKinds& kinds, std::size_t point) {
  constexpr int R = S * Q;
  const std::size_t row = point * (S + 1) + 1;
  Vec<T> sums[R][V] = {};
  const Factor<T> factor{product.streams.row(0, row), product.depth, kPanel<T>, product.streams.stride};
  add_products<T, R, V, 1, PointRows<T, S, S + 1>>(sums, factor, product.weights);
#pragma GCC unroll 16
  for (int q = 0; q < Q; ++q) {
    const std::size_t to = (row + static_cast<std::size_t>(q * (S + 1))) * kPanel<T>;
    Vec<T> squares[V] = {};
    leave_block<T, S, V, R>(sums, q * S, kinds,
                            product.slopes + (point + static_cast<std::size_t>(q)) * kSlopeStep<T>, squares,
                            product.h + to, product.z == nullptr ? nullptr : product.z + to);
  }
}

template <typename T, int S, int V, int Q = kBlockRows / S>
TRANSJET_INLINE void point_blocks(const StreamProduct<T>& product, const RowKinds& kinds, std::size_t point,
                                  std::size_t points) {
  for (; points >= Q; points -= Q, point += Q) point_block<T, S, Q, V>(product, kinds, point);
  if constexpr (Q > 1) {
    if (points > 0) point_blocks<T, S, V, Q / 2>(product, kinds, point, points);
  }
}

// S of the streams of one point, from row `row` of the tile on.
template <typename T, int S, int V>
void part_of_point(const StreamProduct<T>& product, const RowKinds& kinds, std::size_t row, const T* slopes,
                   Vec<T>* squares) {
  Vec<T> sums[S][V] = {};
  const Factor<T> factor{product.streams.row(0, row), product.depth, kPanel<T>, product.streams.stride};
  add_products<T, S, V, 1, EvenRows<kPanel<T>>>(sums, factor, product.weights);
  const std::size_t to = row * kPanel<T>;
  leave_block<T, S, V, S>(sums, 0, kinds, slopes, squares, product.h + to,
                          product.z == nullptr ? nullptr : product.z + to);
}

template <typename T, int V, int S = kBlockRows>
TRANSJET_INLINE void part_of(int count, const StreamProduct<T>& product, const RowKinds& kinds,
                             std::size_t row, const T* slopes, Vec<T>* squares) {
  if constexpr (S > 0) {
    if (count == S) return part_of_point<T, S, V>(product, kinds, row, slopes, squares);
    part_of<T, V, S - 1>(count, product, kinds, row, slopes, squares);
  }
}

// A point of more streams than a block holds, from its last rows to its first: the second-order stream, which
// needs all squares, is among those.
template <typename T, int V>
void split_points(const Shape& shape, std::size_t points, const StreamProduct<T>& product) {
  const int rows = shape.count() - 1, blocks = (rows + kBlockRows - 1) / kBlockRows;
  for (std::size_t p = 0; p < points; ++p) {
    const std::size_t first = p * static_cast<std::size_t>(shape.count()) + 1;
    Vec<T> squares[V] = {};
    for (int i = blocks - 1, end = rows; i >= 0; --i) {
      const int begin = i * rows / blocks;
      const RowKinds kinds{shape.head() - 1 - begin, i == 0 && shape.second ? shape.second_row() - 1 : -1};
      part_of<T, V>(end - begin, product, kinds, first + static_cast<std::size_t>(begin),
                    product.slopes + p * kSlopeStep<T>, squares);
      end = begin;
    }
  }
}

template <typename T, int V, int S = kBlockRows>
void multiply_streams_of(const Shape& shape, std::size_t points, const StreamProduct<T>& product) {
  const int rows = shape.count() - 1;
  if (rows > kBlockRows) return split_points<T, V>(shape, points, product);
  if constexpr (S > 0) {
    if (rows == S) {
      const RowKinds kinds{shape.head() - 1, shape.second ? shape.second_row() - 1 : -1};
      return point_blocks<T, S, V>(product, kinds, 0, points);
    }
    multiply_streams_of<T, V, S - 1>(shape, points, product);
  }
}

template <typename T>
void multiply_streams(const Shape& shape, std::size_t points, const StreamProduct<T>& product, int vectors) {
  if (vectors == 2) return multiply_streams_of<T, 2>(shape, points, product);
  multiply_streams_of<T, 1>(shape, points, product);
}

}  // namespace transjet::cpu::TRANSJET_ISA
