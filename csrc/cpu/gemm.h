// Matrix products over panels: streams times weights, and streams transposed times adjoints. One micro-kernel
// keeps a block of sums in registers; everything else is which block.
#pragma once

#include "cpu/panels.h"

namespace transjet::cpu::TRANSJET_ISA {

// Where block_product finds a: `depth` columns of its first factor, in runs of at most `run` with `jump`
// elements from the start of one run to that of the next.
template <typename T>
struct Factor {
  const T* data;
  int depth;
  int run;
  std::size_t jump;
};

// Where the rows of a block lie: kStep elements apart.
template <int kStep>
struct EvenRows {
  static constexpr int at(int row) { return row * kStep; }
};

// sums[r, :] += sum_k a[At::at(r) + k kStep] b[k, :]; rows of b are kPanel elements apart.
template <typename T, int R, int V, int kStep, typename At>
TRANSJET_INLINE void add_products(Vec<T> (&sums)[R][V], const Factor<T>& factor, const T* __restrict b) {
  const T* __restrict a = factor.data;
  for (int left = factor.depth; left > 0; left -= factor.run, a += factor.jump) {
    const T* __restrict from = a;
#pragma GCC unroll 2
    for (int k = left < factor.run ? left : factor.run; k > 0; --k, from += kStep, b += kPanel<T>) {
      Vec<T> row[V];
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) row[v] = load(b + v * kLanes<T>);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const Vec<T> scalar = broadcast(from[At::at(r)]);
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) sums[r][v] = scalar * row[v] + sums[r][v];
      }
    }
  }
}

// c[r, :] (+)= sum_k a[r kRowStep + k kStep] b[k, :] for r < R and V vectors of columns; rows of b and c are
// kPanel elements apart.
template <typename T, int R, int V, int kRowStep, int kStep>
void block_product(const Factor<T>& factor, const T* __restrict b, T* __restrict c, bool accumulate) {
  Vec<T> sums[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sums[r][v] = accumulate ? load(c + r * kPanel<T> + v * kLanes<T>) : Vec<T>{};
  }
  add_products<T, R, V, kStep, EvenRows<kRowStep>>(sums, factor, b);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) store(c + r * kPanel<T> + v * kLanes<T>, sums[r][v]);
  }
}

// block_product with R known only at run time, 1 <= rows <= kBlockRows.
template <typename T, int V, int kRowStep, int kStep, int R = kBlockRows>
TRANSJET_INLINE void block_product_of(int rows, const Factor<T>& a, const T* b, T* c, bool accumulate) {
  if constexpr (R > 0) {
    if (rows == R) return block_product<T, R, V, kRowStep, kStep>(a, b, c, accumulate);
    block_product_of<T, V, kRowStep, kStep, R - 1>(rows, a, b, c, accumulate);
  }
}

// Cuts `rows` into blocks of nearly equal size, so that none is much smaller than the registers allow.
template <typename Body>
TRANSJET_INLINE void for_each_block(std::size_t rows, Body&& body) {
  const std::size_t blocks = (rows + kBlockRows - 1) / kBlockRows;
  const std::size_t small = blocks == 0 ? 0 : rows / blocks;
  const std::size_t large = blocks == 0 ? 0 : rows % blocks;  // how many blocks take one row more
  for (std::size_t i = 0, row = 0; i < blocks; ++i) {
    const std::size_t count = small + (i < large);
    body(row, static_cast<int>(count));
    row += count;
  }
}

template <typename T, int V>
void multiply_panel(Panels<const T> a, std::size_t rows, int depth, const T* b, T* c, bool accumulate) {
  for_each_block(rows, [&](std::size_t row, int count) {
    const Factor<T> factor{a.row(0, row), depth, kPanel<T>, a.stride};
    block_product_of<T, V, kPanel<T>, 1>(count, factor, b, c + row * kPanel<T>, accumulate);
  });
}

// One panel of a product: c (rows, kPanel) (+)= a (rows, depth) b (depth, kPanel), with b a packed panel and
// `vectors` of its columns real.
template <typename T>
void multiply(Panels<const T> a, std::size_t rows, int depth, const T* b, int vectors, T* c,
              bool accumulate) {
  if (vectors == 2) return multiply_panel<T, 2>(a, rows, depth, b, c, accumulate);
  multiply_panel<T, 1>(a, rows, depth, b, c, accumulate);
}

// Rows [first, first + width) of one panel of a product with the first factor transposed:
// c (width, kPanel) += a (rows, [first, first + width))^T b (rows, kPanel).
template <typename T>
void multiply_transposed(Panels<const T> a, std::size_t rows, int first, int width, const T* b, int vectors,
                         T* c) {
  for (int p = first / kPanel<T>; p * kPanel<T> < first + width; ++p) {
    const int begin = p * kPanel<T> < first ? first : p * kPanel<T>;
    const int end = (p + 1) * kPanel<T> < first + width ? (p + 1) * kPanel<T> : first + width;
    for_each_block(static_cast<std::size_t>(end - begin), [&](std::size_t block, int count) {
      const int column = begin + static_cast<int>(block);
      const Factor<T> factor{a.panel(p) + column % kPanel<T>, static_cast<int>(rows), static_cast<int>(rows),
                             0};
      T* to = c + (column - first) * kPanel<T>;
      if (vectors == 2) {
        block_product_of<T, 2, 1, kPanel<T>>(count, factor, b, to, true);
      } else {
        block_product_of<T, 1, 1, kPanel<T>>(count, factor, b, to, true);
      }
    });
  }
}

}  // namespace transjet::cpu::TRANSJET_ISA
