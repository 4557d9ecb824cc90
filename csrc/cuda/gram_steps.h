// J J^T: what its kernels are asked to do. Of the symmetric result they compute and read what is on and below
// the diagonal, until the last of them copies it above.
#pragma once

#include "cuda/products.h"

namespace transjet::cuda {

// Columns whose products are summed in the precision of the factors; the sums are added up in the result's.
inline constexpr int kGramColumns = 512;

// The (n, n) result, as a sum of several: the first of them is the result itself, and the others follow one
// another in `more`. Products over many columns are divided among them.
template <typename R>
struct GramSums {
  R* result;
  R* more;
  int points, slots;

  TRANSJET_HOST_DEVICE std::size_t elements() const {
    return static_cast<std::size_t>(points) * static_cast<std::size_t>(points);
  }
  TRANSJET_HOST_DEVICE R* slot(int i) const {
    return i == 0 ? result : more + static_cast<std::size_t>(i - 1) * elements();
  }
};

// A block of the Jacobian's columns: (points, line), those of `rows` rows of one layer's weights, from row
// `first` on, each of them `row_length` long, a multiple of 4.
template <typename T>
struct GramBlock {
  T* to;
  int line, points, first, rows, row_length;

  TRANSJET_HOST_DEVICE int columns() const { return rows * row_length; }
};

// Of a hidden layer: J[n, i, j] = sum_s h[n, s, i] zbar[n, s, j]. Row `in` is the bias, one more input that
// is 1 on the value stream.
template <typename T>
struct HiddenColumns {
  GramBlock<T> block;
  const T* h;
  const T* zbar;
  int h_line, zbar_line, streams, in, out;
};
template <typename T>
void assemble(Queue& queue, const HiddenColumns<T>& columns);

// Of the first and the last layer: J[n, i, j] = sum_s a[n, s, i] b[n, s, j], where i is a coordinate of what
// the caller gives: an input, with b the adjoints, or an output, with b the streams, and so transposed. Of a
// scalar network a is the weight of its output in each head stream.
template <typename T>
struct EndColumns {
  GramBlock<T> block;
  const T* a;  // `dense` rows a point; null for a scalar network's output
  const T* b;  // `streams` rows a point
  int a_line, b_line, dense, streams, in, out;
  bool last;  // then row `in` has the value row of a, and otherwise that of b: the bias
  RowWeights<T> weights;
  // Tangents that are the same for all points: rows from `head` on, along directions or the coordinates,
  // which there are d of. A vector network's outputs have c_second as their weight.
  int tangents, head, d;
  const T* directions;
};
template <typename T>
void assemble(Queue& queue, const EndColumns<T>& columns);

// sums += block block^T
template <typename T, typename R>
struct AssembledProduct {
  GramBlock<T> block;
  GramSums<R> sums;
};
template <typename T, typename R>
void add_products(Queue& queue, const AssembledProduct<T, R>& product);

// result[n, m] += sum_{s,s'} (h[n, s] . h[m, s'] + [s = s' = 0]) (zbar[n, s] . zbar[m, s'])
template <typename T, typename R>
struct FactoredProduct {
  const T* h;
  const T* zbar;
  int h_line, zbar_line, streams, in, out;
  GramSums<R> sums;
};
template <typename T, typename R>
void add_products(Queue& queue, const FactoredProduct<T, R>& product);

// Adds up the slots of the result, and copies it above the diagonal.
template <typename R>
void finish_gram(Queue& queue, const GramSums<R>& sums);

}  // namespace transjet::cuda
