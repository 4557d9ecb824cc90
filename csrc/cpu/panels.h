// Matrices cut into panels of kPanel columns: element (row, column) lies at
//
//   data[(column / kPanel) * stride + row * kPanel + column % kPanel]
//
// so that a block of rows of one panel is contiguous, every vector is aligned, and the distance from row to
// row is a constant of the compiler's. Columns past the width are padding: written, never read as part of a
// sum.
#pragma once

#include "cpu/simd.h"

namespace transjet::cpu::TRANSJET_ISA {

template <typename T>
struct Panels {
  T* data;
  std::size_t stride;  // elements from panel to panel

  T* panel(int index) const { return data + static_cast<std::size_t>(index) * stride; }
  T* row(int index, std::size_t row) const { return panel(index) + row * kPanel<T>; }
};

template <typename T>
TRANSJET_INLINE constexpr int panels_of(int width) {
  return (width + kPanel<T> - 1) / kPanel<T>;
}

// Columns of panel `index` that are real, at most kPanel.
template <typename T>
TRANSJET_INLINE int columns_in(int width, int index) {
  const int left = width - index * kPanel<T>;
  return left < kPanel<T> ? left : kPanel<T>;
}

// Vectors that hold those columns: 1 or 2.
template <typename T>
TRANSJET_INLINE int vectors_in(int width, int index) {
  return columns_in<T>(width, index) > kLanes<T> ? 2 : 1;
}

// Packs a row-major (rows, columns) matrix into panels of `rows` rows, padding with zeros.
template <typename T>
void pack(const T* matrix, int rows, int columns, T* packed) {
  for (int p = 0; p < panels_of<T>(columns); ++p) {
    const int width = columns_in<T>(columns, p);
    for (int r = 0; r < rows; ++r, packed += kPanel<T>) {
      const T* source =
          matrix + static_cast<std::size_t>(r) * static_cast<std::size_t>(columns) + p * kPanel<T>;
      for (int c = 0; c < kPanel<T>; ++c) packed[c] = c < width ? source[c] : T(0);
    }
  }
}

// Packs the transpose of a row-major (rows, columns) matrix: panels of `columns` rows and `rows` columns.
template <typename T>
void pack_transposed(const T* matrix, int rows, int columns, T* packed) {
  for (int p = 0; p < panels_of<T>(rows); ++p) {
    const int width = columns_in<T>(rows, p);
    for (int r = 0; r < columns; ++r, packed += kPanel<T>) {
      const T* source =
          matrix + static_cast<std::size_t>(p * kPanel<T>) * static_cast<std::size_t>(columns) + r;
      for (int c = 0; c < kPanel<T>; ++c) {
        packed[c] =
            c < width ? source[static_cast<std::size_t>(c) * static_cast<std::size_t>(columns)] : T(0);
      }
    }
  }
}

}  // namespace transjet::cpu::TRANSJET_ISA
