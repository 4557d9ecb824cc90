// Rows of a residual's Jacobian out of a tile's factors: at one point, the columns that belong to some rows
// of a layer's weights. Row i < fan_in is that of input i, row fan_in that of the bias.
#pragma once

#include "cpu/factors.h"

namespace transjet::cpu::TRANSJET_ISA {

struct WeightRows {
  int first, count;
};

template <typename T>
int weight_rows(const JetProblem<T>& problem, int l) {
  return problem.network.widths[l] + 1;
}

// A point's rows in panels that hold `rows` for each point.
template <typename T>
Panels<const T> rows_at(const Panels<T>& panels, std::size_t point, int rows) {
  return {panels.data + point * row_of<T>(rows), panels.stride};
}

// The bias takes the value row of the adjoints, if it is among the rows.
template <typename T>
void write_bias(const T* zbar, int fan_in, const WeightRows& rows, int vectors, T* out) {
  if (rows.first + rows.count <= fan_in) return;
  T* to = out + row_of<T>(fan_in - rows.first);
  for (int v = 0; v < vectors; ++v) store(to + v * kLanes<T>, load(zbar + v * kLanes<T>));
}

// How many of the rows are inputs' rather than the bias's.
inline int inputs_in(const WeightRows& rows, int fan_in) {
  return rows.first + rows.count > fan_in ? fan_in - rows.first : rows.count;
}

// Adds what tangents along the same directions for all points give: weights are the directions' components.
template <typename T>
void add_constant_tangents(const Tile<T>& tile, const Directions<T>& directions, const T* tangents,
                           const WeightRows& rows, int vectors, T* out) {
  const bool coordinates = tile.kind == DirectionKind::kCoordinates;
  const int end = rows.first + rows.count < tile.dimension ? rows.first + rows.count : tile.dimension;
  for (int k = 0; k < tile.shape.tangents; ++k, tangents += kPanel<T>) {
    for (int i = rows.first; i < end; ++i) {
      if (coordinates && i != k) continue;
      const T weight = coordinates ? T(1) : directions.data[k * tile.dimension + i];
      T* to = out + row_of<T>(i - rows.first);
      for (int at = 0; at < vectors * kLanes<T>; at += kLanes<T>) {
        store(to + at, weight * load(tangents + at) + load(to + at));
      }
    }
  }
}

template <typename T>
void first_jacobian(const Tile<T>& tile, const JetProblem<T>& problem, std::size_t point,
                    const WeightRows& rows, int p, int vectors, T* out) {
  const Shape& shape = tile.shape;
  const int fan_in = problem.network.widths[0], inputs = inputs_in(rows, fan_in);
  const T* zbar = tile.zbar[0].row(p, point * static_cast<std::size_t>(shape.count()));
  const T* tangents = zbar + row_of<T>(shape.head());
  multiply_transposed(rows_at(tile.input, point, shape.head()), static_cast<std::size_t>(shape.head()),
                      rows.first, inputs, zbar, vectors, out);
  if (!tile.own_directions()) {
    add_constant_tangents(tile, problem.directions, tangents, rows, vectors, out);
  } else if (rows.first < tile.dimension) {
    const int end = rows.first + inputs < tile.dimension ? rows.first + inputs : tile.dimension;
    multiply_transposed(rows_at(tile.directions, point, shape.tangents),
                        static_cast<std::size_t>(shape.tangents), rows.first, end - rows.first, tangents,
                        vectors, out);
  }
  write_bias(zbar, fan_in, rows, vectors, out);
}

template <typename T>
void hidden_jacobian(const Tile<T>& tile, const JetProblem<T>& problem, int l, std::size_t point,
                     const WeightRows& rows, int p, int vectors, T* out) {
  const int fan_in = problem.network.widths[l], count = tile.shape.count();
  const T* zbar = tile.zbar[l].row(p, point * static_cast<std::size_t>(count));
  multiply_transposed(rows_at(tile.h[l - 1], point, count), static_cast<std::size_t>(count), rows.first,
                      inputs_in(rows, fan_in), zbar, vectors, out);
  write_bias(zbar, fan_in, rows, vectors, out);
}

template <typename T>
void last_scalar_jacobian(const Tile<T>& tile, const Fields<const T>& c, std::size_t n, std::size_t point,
                          int fan_in, const WeightRows& rows, T* out) {
  const std::size_t first = point * static_cast<std::size_t>(tile.shape.count());
  for (int i = rows.first; i < rows.first + inputs_in(rows, fan_in); ++i, out += kPanel<T>) {
    for (int s = 0; s < tile.shape.head(); ++s) {
      const T* h = tile.h[tile.hidden - 1].row(i / kPanel<T>, first + static_cast<std::size_t>(s));
      out[0] += head_weight(tile.shape, c, s, n) * h[i % kPanel<T>];
    }
  }
  if (rows.first + rows.count > fan_in) out[0] = c.value[n];
}

// Outputs [p kPanel, ...) of a vector network: c_value on the value stream, c_second v_k on the tangent along
// v_k.
template <typename T>
void last_vector_jacobian(const Tile<T>& tile, const JetProblem<T>& problem, const Fields<const T>& c,
                          std::size_t n, std::size_t point, int fan_in, const WeightRows& rows, int p,
                          T* out) {
  const auto d = static_cast<std::size_t>(tile.dimension),
             first = point * static_cast<std::size_t>(tile.shape.count());
  const auto count = static_cast<std::size_t>(tile.shape.tangents),
             offset = static_cast<std::size_t>(p * kPanel<T>);
  const auto columns = static_cast<std::size_t>(columns_in<T>(tile.dimension, p));
  const T* value = c.value + n * d + offset;
  for (int i = rows.first; i < rows.first + inputs_in(rows, fan_in); ++i, out += kPanel<T>) {
    const T* h = tile.h[tile.hidden - 1].row(i / kPanel<T>, first) + i % kPanel<T>;
    for (std::size_t j = 0; j < columns; ++j) out[j] += value[j] * h[0];
    h += kPanel<T>;
    if (tile.kind == DirectionKind::kCoordinates) {
      for (std::size_t j = 0; j < columns; ++j) out[j] += c.second[n] * h[(offset + j) * kPanel<T>];
      continue;
    }
    const T* direction = problem.directions.data + (tile.own_directions() ? n * count * d : 0) + offset;
    for (std::size_t k = 0; k < count; ++k, h += kPanel<T>, direction += d) {
      for (std::size_t j = 0; j < columns; ++j) out[j] += c.second[n] * h[0] * direction[j];
    }
  }
  if (rows.first + rows.count <= fan_in) return;
  for (std::size_t j = 0; j < columns; ++j) out[j] = value[j];
}

// One panel of columns of those rows of layer l, (rows.count, kPanel), at a point of a tile that begins at
// `begin`.
template <typename T>
void jacobian_panel(const Tile<T>& tile, const JetProblem<T>& problem, const Fields<const T>& c, int l,
                    std::size_t begin, std::size_t point, const WeightRows& rows, int p, T* out) {
  const int fan_in = problem.network.widths[l], vectors = vectors_in<T>(problem.network.widths[l + 1], p);
  for (std::size_t i = 0; i < row_of<T>(rows.count); ++i) out[i] = T(0);
  if (l == 0) return first_jacobian(tile, problem, point, rows, p, vectors, out);
  if (l < tile.hidden) return hidden_jacobian(tile, problem, l, point, rows, p, vectors, out);
  if (problem.jet != Jet::kDivergence) {
    return last_scalar_jacobian(tile, c, begin + point, point, fan_in, rows, out);
  }
  last_vector_jacobian(tile, problem, c, begin + point, point, fan_in, rows, p, out);
}

}  // namespace transjet::cpu::TRANSJET_ISA
