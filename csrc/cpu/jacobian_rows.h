// Rows of a residual's Jacobian out of a tile's factors: at one point, the columns that belong to some rows
// of a layer's weights. Row i < fan_in is that of input i, row fan_in that of the bias.
#pragma once

#include "cpu/factors.h"

namespace transjet::cpu::TRANSJET_ISA {

struct WeightRows {
  int first, count;
};

template <typename T>
bool is_last(const JetProblem<T>& problem, int l) {
  return l == problem.network.depth - 1;
}

template <typename T>
int weight_rows(const JetProblem<T>& problem, int l) {
  return 1 + problem.network.widths[is_last(problem, l) ? l + 1 : l];
}

// Columns of such a row.
template <typename T>
int weight_columns(const JetProblem<T>& problem, int l) {
  const int in = problem.network.widths[l], out = problem.network.widths[l + 1];
  return is_last(problem, l) && in > out ? in : out;
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

// out += weight h, a panel of one stream's row.
template <typename T>
void add_scaled(T weight, const T* h, int vectors, T* out) {
  for (int at = 0; at < vectors * kLanes<T>; at += kLanes<T>) {
    store(out + at, weight * load(h + at) + load(out + at));
  }
}

// Output j of a network: sum_s weight_s h_s, with the weights that factors.h gives.
template <typename T>
void output_jacobian(const Tile<T>& tile, const JetProblem<T>& problem, const Fields<const T>& c,
                     std::size_t n, std::size_t point, int j, int p, int vectors, T* out) {
  const Shape& shape = tile.shape;
  const T* h = tile.h[tile.hidden - 1].row(p, point * static_cast<std::size_t>(shape.count()));
  if (problem.jet != Jet::kDivergence) {
    for (int s = 0; s < shape.head(); ++s) {
      add_scaled(head_weight(shape, c, s, n), h + row_of<T>(s), vectors, out);
    }
    return;
  }
  const auto d = static_cast<std::size_t>(tile.dimension), column = static_cast<std::size_t>(j);
  add_scaled(c.value[n * d + column], h, vectors, out);
  if (shape.tangents == 0) return;
  if (tile.kind == DirectionKind::kCoordinates) {
    return add_scaled(c.second[n], h + row_of<T>(1 + j), vectors, out);
  }
  const auto count = static_cast<std::size_t>(shape.tangents);
  const T* direction = problem.directions.data + (tile.own_directions() ? n * count * d : 0) + column;
  for (int k = 0; k < shape.tangents; ++k, direction += d) {
    add_scaled(c.second[n] * *direction, h + row_of<T>(1 + k), vectors, out);
  }
}

template <typename T>
void last_jacobian(const Tile<T>& tile, const JetProblem<T>& problem, const Fields<const T>& c, std::size_t n,
                   std::size_t point, const WeightRows& rows, int p, T* out) {
  const int width = problem.network.widths[tile.hidden], outputs = problem.network.widths[tile.hidden + 1];
  for (int j = rows.first; j < rows.first + inputs_in(rows, outputs) && p < panels_of<T>(width); ++j) {
    output_jacobian(tile, problem, c, n, point, j, p, vectors_in<T>(width, p),
                    out + row_of<T>(j - rows.first));
  }
  // Streams past the width are padding, but not zeros.
  for (int i = 0; i < rows.count; ++i) {
    const int real = columns_in<T>(width, p);
    for (int at = real < 0 ? 0 : real; at < kPanel<T>; ++at)
      out[row_of<T>(i) + static_cast<std::size_t>(at)] = T(0);
  }
  if (rows.first + rows.count <= outputs) return;
  T* bias = out + row_of<T>(outputs - rows.first);
  const T* value = c.value + n * static_cast<std::size_t>(outputs);
  for (int j = p * kPanel<T>; j < outputs && j < (p + 1) * kPanel<T>; ++j) bias[j - p * kPanel<T>] = value[j];
}

// One panel of columns of those rows of layer l, (rows.count, kPanel), at a point of a tile that begins at
// `begin`.
template <typename T>
void jacobian_panel(const Tile<T>& tile, const JetProblem<T>& problem, const Fields<const T>& c, int l,
                    std::size_t begin, std::size_t point, const WeightRows& rows, int p, T* out) {
  for (std::size_t i = 0; i < row_of<T>(rows.count); ++i) out[i] = T(0);
  if (is_last(problem, l)) return last_jacobian(tile, problem, c, begin + point, point, rows, p, out);
  const int vectors = vectors_in<T>(problem.network.widths[l + 1], p);
  if (l == 0) return first_jacobian(tile, problem, point, rows, p, vectors, out);
  hidden_jacobian(tile, problem, l, point, rows, p, vectors, out);
}

}  // namespace transjet::cpu::TRANSJET_ISA
