// The last layer, forward: from the streams of the last hidden layer to a jet's fields.
#pragma once

#include "cpu/sweeps.h"

namespace transjet::cpu::TRANSJET_ISA {

// Inner product over one row of panels of `width` columns; b has rows of the same layout.
template <typename T>
TRANSJET_INLINE Vec<T> multiply_rows(const Panels<const T>& a, std::size_t row, const T* b,
                                     std::size_t b_stride, int width, Vec<T> total) {
  const T* x = a.data + row * kPanel<T>;
  for (int p = 0; p < panels_of<T>(width); ++p, x += a.stride, b += b_stride) {
    total = load(x) * load(b) + total;
    if (vectors_in<T>(width, p) == 2) total = load(x + kLanes<T>) * load(b + kLanes<T>) + total;
  }
  return total;
}

// sum over a point's tangents of <h_k, row k>, rows being the same for all points.
template <typename T>
Vec<T> contract_tangents(const Tile<T>& tile, const Panels<const T>& h, std::size_t point,
                         const ConstantRows<T>& rows, int width, Vec<T> total) {
  const std::size_t first =
      point * static_cast<std::size_t>(tile.shape.count()) + static_cast<std::size_t>(tile.shape.head());
  for (int k = 0; k < tile.shape.tangents; ++k) {
    total = multiply_rows(h, first + static_cast<std::size_t>(k), rows.data + row_of<T>(k), rows.stride,
                          width, total);
  }
  return total;
}

// One output row per stream of a scalar network: <h, w>, and what it becomes by `keep(point, row, value)`.
template <typename T, typename Keep>
void scalar_outputs(const Tile<T>& tile, const Panels<const T>& h, const PackedLayer<T>& last, Keep&& keep) {
  std::size_t row = 0;
  for (std::size_t point = 0; point < tile.points; ++point) {
    for (int s = 0; s < tile.shape.count(); ++s, ++row) {
      keep(point, s, sum<T>(multiply_rows(h, row, last.backward, kPanel<T>, last.fan_in, Vec<T>{})));
    }
  }
}

// Adds outputs of a scalar network's streams to a jet's fields.
template <typename T>
void add_scalar_fields(const Tile<T>& tile, const Panels<const T>& h, const PackedLayer<T>& last,
                       std::size_t begin, const Fields<T>& result) {
  const Shape& shape = tile.shape;
  const bool coordinates = tile.kind == DirectionKind::kCoordinates;
  const auto d = static_cast<std::size_t>(tile.dimension);
  scalar_outputs(tile, h, last, [&](std::size_t point, int s, T value) {
    const std::size_t n = begin + point;
    if (s == 0) {
      result.value[n] += value;
    } else if (shape.time && s == 1) {
      result.dt[n] += value;
    } else if (shape.second && s == shape.second_row()) {
      result.second[n] += value;
    } else if (coordinates) {
      result.grad[n * d + static_cast<std::size_t>(s - shape.head())] += value;
    }
  });
}

// Adds h W to the fields of a vector network, the divergence through `contractions`, W's rows for the
// tangents.
template <typename T>
void add_vector_fields(const Tile<T>& tile, const Panels<const T>& h, const PackedLayer<T>& last,
                       const ConstantRows<T>& contractions, std::size_t begin, const Fields<T>& result) {
  const int d = tile.dimension, width = last.fan_in;
  const bool own = tile.own_directions();
  const std::size_t streams = own ? static_cast<std::size_t>(tile.shape.count()) : 1;
  if (!own) gather_values(tile, h, width, tile.values);
  const Panels<const T> rows = own ? h : read(tile.values);
  for (int p = 0; p < panels_of<T>(d); ++p) {
    T* out = tile.scratch;
    multiply(rows, tile.points * streams, width, last.forward_panel(p), vectors_in<T>(d, p), out, false);
    const int columns = columns_in<T>(d, p);
    for (std::size_t point = 0; point < tile.points; ++point) {
      const T* value = out + point * streams * kPanel<T>;
      T* to = result.value + (begin + point) * static_cast<std::size_t>(d) + p * kPanel<T>;
      for (int c = 0; c < columns; ++c) to[c] += value[c];
      for (std::size_t k = 0; own && k + 1 < streams; ++k) {
        const T* direction = tile.directions.row(p, point * (streams - 1) + k);
        for (int c = 0; c < columns; ++c)
          result.second[begin + point] += value[(k + 1) * kPanel<T> + c] * direction[c];
      }
    }
  }
  for (std::size_t point = 0; !own && point < tile.points; ++point) {
    result.second[begin + point] += sum<T>(contract_tangents(tile, h, point, contractions, width, Vec<T>{}));
  }
}

// Sets the fields of points [begin, begin + points) to zero, the value to the last layer's bias if there is
// one.
template <typename T>
void clear_fields(const Fields<T>& result, int outputs, int d, const T* bias, std::size_t begin,
                  std::size_t points) {
  const auto width = static_cast<std::size_t>(outputs), dimension = static_cast<std::size_t>(d);
  for (std::size_t n = begin; n < begin + points; ++n) {
    for (std::size_t i = 0; i < width; ++i) result.value[n * width + i] = bias == nullptr ? T(0) : bias[i];
    if (result.dt != nullptr) result.dt[n] = T(0);
    if (result.second != nullptr) result.second[n] = T(0);
    for (std::size_t i = 0; result.grad != nullptr && i < dimension; ++i)
      result.grad[n * dimension + i] = T(0);
  }
}

}  // namespace transjet::cpu::TRANSJET_ISA
