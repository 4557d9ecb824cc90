// J^T u: gradients of the parameters, summed over points in the packed layout, and unpacked at the end.
#pragma once

#include "cpu/factors.h"

namespace transjet::cpu::TRANSJET_ISA {

template <typename T>
struct Sums {
  T** weights;  // per layer, packed like the weights; of a scalar network's last layer: one padded row
  T** biases;   // padded
  ConstantRows<T> first;  // sums over points of the first layer's tangent adjoints; null with own directions
  ConstantRows<T> last;   // and of c_second times the last hidden layer's tangents, of a vector network
  T* begin;
  std::size_t size;
};

// Rows for the sums of tangents. Along coordinates they are rows of the first layer's gradient itself.
template <typename T>
ConstantRows<T> take_tangent_sums(Arena& arena, const Tile<T>& tile, int width) {
  const std::size_t stride = row_of<T>(tile.shape.tangents);
  return {arena.take<T>(stride * static_cast<std::size_t>(panels_of<T>(width))), stride};
}

template <typename T>
Sums<T> lay_out_sums(Arena& arena, const JetProblem<T>& problem, const Tile<T>& tile) {
  const Architecture& network = problem.network;
  const auto depth = static_cast<std::size_t>(network.depth);
  const bool vector = problem.jet == Jet::kDivergence;
  Sums<T> sums{};
  sums.weights = arena.take<T*>(depth);
  sums.biases = arena.take<T*>(depth);
  const std::size_t before = arena.used();
  for (int l = 0; l < network.depth; ++l) {
    const bool row = l == network.depth - 1 && !vector;
    const int fan_in = network.widths[l], fan_out = network.widths[l + 1];
    T* weight = arena.take<T>(row ? packed_size<T>(1, fan_in) : packed_size<T>(fan_in, fan_out));
    T* bias = arena.take<T>(packed_size<T>(1, fan_out));
    if (l == 0) {
      sums.begin = weight;
      sums.first = {weight, row_of<T>(fan_in)};
      if (tile.kind == DirectionKind::kShared) sums.first = take_tangent_sums(arena, tile, fan_out);
    }
    if (arena.counting()) continue;
    sums.weights[l] = weight;
    sums.biases[l] = bias;
  }
  if (vector && !tile.own_directions()) {
    sums.last = take_tangent_sums(arena, tile, network.widths[network.depth - 1]);
  }
  sums.size = (arena.used() - before) / sizeof(T);
  return sums;
}

template <typename T>
void clear(const Sums<T>& sums) {
  for (std::size_t i = 0; i < sums.size; ++i) sums.begin[i] = T(0);
}

// Rows [first, first + rows) of each point's `step` rows, each point times its scale unless that is null, one
// after the other. V vectors are real.
template <typename T>
void gather_rows(const T* from, int step, int first, int rows, std::size_t points, const T* scale,
                 int vectors, T* to) {
  from += row_of<T>(first);
  for (std::size_t p = 0; p < points; ++p, from += row_of<T>(step)) {
    const T factor = scale == nullptr ? T(1) : scale[p];
    for (std::size_t i = 0; i < row_of<T>(rows); i += kPanel<T>, to += kPanel<T>) {
      for (int at = 0; at < vectors * kLanes<T>; at += kLanes<T>)
        store(to + at, factor * load(from + i + at));
    }
  }
}

// Adds the first of every `step` rows.
template <typename T>
void add_value_rows(const T* from, int step, std::size_t points, int vectors, T* total) {
  for (int at = 0; at < vectors * kLanes<T>; at += kLanes<T>) {
    Vec<T> sum = load(total + at);
    for (std::size_t p = 0; p < points; ++p) sum = sum + load(from + p * row_of<T>(step) + at);
    store(total + at, sum);
  }
}

// Adds scale times rows [first, first + rows) of every point to `rows` rows.
template <typename T>
void add_tangent_rows(const T* from, int step, int first, int rows, std::size_t points, const T* scale,
                      int vectors, T* total) {
  from += row_of<T>(first);
  for (std::size_t p = 0; p < points; ++p, from += row_of<T>(step)) {
    const T factor = scale == nullptr ? T(1) : scale[p];
    for (std::size_t i = 0; i < row_of<T>(rows); i += kPanel<T>) {
      for (int at = 0; at < vectors * kLanes<T>; at += kLanes<T>) {
        store(total + i + at, factor * load(from + i + at) + load(total + i + at));
      }
    }
  }
}

template <typename T>
void add_first(const Tile<T>& tile, const T* scale, const PackedLayer<T>& layer, const Sums<T>& sums) {
  const Shape& shape = tile.shape;
  for (int p = 0; p < layer.panels(); ++p) {
    const int vectors = layer.vectors(p);
    const T* zbar = tile.zbar[0].panel(p);
    T* weight = sums.weights[0] + packed_size<T>(layer.fan_in, p * kPanel<T>);
    gather_rows(zbar, shape.count(), 0, shape.head(), tile.points, scale, vectors, tile.scratch);
    multiply_transposed(read(tile.input), tile.head_rows(), 0, layer.fan_in, tile.scratch, vectors, weight);
    add_value_rows(tile.scratch, shape.head(), tile.points, vectors, sums.biases[0] + p * kPanel<T>);
    if (tile.own_directions()) {
      gather_rows(zbar, shape.count(), shape.head(), shape.tangents, tile.points, scale, vectors,
                  tile.scratch);
      multiply_transposed(read(tile.directions), tile.tangent_rows(), 0, tile.dimension, tile.scratch,
                          vectors, weight);
    } else {
      T* to = const_cast<T*>(sums.first.panel(p));
      add_tangent_rows(zbar, shape.count(), shape.head(), shape.tangents, tile.points, scale, vectors, to);
    }
  }
}

template <typename T>
void add_hidden(const Tile<T>& tile, const T* scale, const PackedLayer<T>& layer, int l,
                const Sums<T>& sums) {
  const int count = tile.shape.count();
  for (int p = 0; p < layer.panels(); ++p) {
    const int vectors = layer.vectors(p);
    const T* zbar = tile.zbar[l].panel(p);
    if (scale != nullptr) {
      gather_rows(zbar, count, 0, count, tile.points, scale, vectors, tile.scratch);
      zbar = tile.scratch;
    }
    T* weight = sums.weights[l] + packed_size<T>(layer.fan_in, p * kPanel<T>);
    multiply_transposed(read(tile.h[l - 1]), tile.rows(), 0, layer.fan_in, zbar, vectors, weight);
    add_value_rows(zbar, count, tile.points, vectors, sums.biases[l] + p * kPanel<T>);
  }
}

template <typename T>
void add_last_scalar(const Tile<T>& tile, const Fields<const T>& c, std::size_t begin, const T* scale,
                     const PackedLayer<T>& last, const Sums<T>& sums, int top) {
  const std::size_t step = row_of<T>(tile.shape.count());
  for (std::size_t p = 0; p < tile.points; ++p) {
    sums.biases[top + 1][0] += (scale == nullptr ? T(1) : scale[p]) * c.value[begin + p];
  }
  for (int panel = 0; panel < panels_of<T>(last.fan_in); ++panel) {
    for (int at = 0; at < vectors_in<T>(last.fan_in, panel) * kLanes<T>; at += kLanes<T>) {
      T* to = sums.weights[top + 1] + panel * kPanel<T> + at;
      const T* h = tile.h[top].panel(panel) + at;
      Vec<T> total = load(to);
      for (std::size_t p = 0; p < tile.points; ++p, h += step) {
        const T factor = scale == nullptr ? T(1) : scale[p];
        for (int s = 0; s < tile.shape.head(); ++s) {
          total = factor * head_weight(tile.shape, c, s, begin + p) * load(h + row_of<T>(s)) + total;
        }
      }
      store(to, total);
    }
  }
}

template <typename T>
void add_last_vector(const Tile<T>& tile, const JetProblem<T>& problem, const Fields<const T>& c,
                     std::size_t begin, const T* scale, const Panels<T>& scaled, const T* tangent_scale,
                     const PackedLayer<T>& last, const Sums<T>& sums, int top) {
  const bool own = tile.own_directions();
  const int streams = own ? tile.shape.count() : 1, d = tile.dimension;
  Panels<T> weights = tile.outputs;
  if (scale != nullptr) {
    write_output_weights(tile, problem, c, begin, scale, scaled);
    weights = scaled;
  }
  const Panels<const T> h = read(own ? tile.h[top] : tile.values);
  for (int p = 0; p < panels_of<T>(d); ++p) {
    const int vectors = vectors_in<T>(d, p);
    T* to = sums.weights[top + 1] + packed_size<T>(last.fan_in, p * kPanel<T>);
    multiply_transposed(h, tile.points * static_cast<std::size_t>(streams), 0, last.fan_in, weights.panel(p),
                        vectors, to);
    add_value_rows(weights.panel(p), streams, tile.points, vectors, sums.biases[top + 1] + p * kPanel<T>);
  }
  if (own) return;
  for (int p = 0; p < panels_of<T>(last.fan_in); ++p) {
    T* to = const_cast<T*>(sums.last.panel(p));
    add_tangent_rows(tile.h[top].panel(p), tile.shape.count(), tile.shape.head(), tile.shape.tangents,
                     tile.points, tangent_scale, vectors_in<T>(last.fan_in, p), to);
  }
}

// What a tile needs to weight its points, beside the tile itself.
template <typename T>
struct Scales {
  Panels<T> outputs;  // scaled output weights of a vector network
  T* tangents;        // scale times c_second, a point
};

template <typename T>
Scales<T> lay_out_scales(Arena& arena, const JetProblem<T>& problem, const Tile<T>& tile) {
  if (problem.jet != Jet::kDivergence) return {};
  const std::size_t rows = tile.own_directions() ? static_cast<std::size_t>(tile.shape.count()) : 1;
  return {take_panels<T>(arena, tile.capacity * rows, problem.points.d), arena.take<T>(tile.capacity)};
}

// Adds J^T u of the tile's points, u being `scale`, or ones where that is null.
template <typename T>
void add_gradient_sums(const Tile<T>& tile, const JetProblem<T>& problem, const Packed<T>& packed,
                       const Fields<const T>& c, std::size_t begin, const T* scale, const Scales<T>& scales,
                       const Sums<T>& sums) {
  const int top = packed.hidden() - 1;
  add_first(tile, scale, packed.layers[0], sums);
  for (int l = 1; l <= top; ++l) add_hidden(tile, scale, packed.layers[l], l, sums);
  if (problem.jet != Jet::kDivergence)
    return add_last_scalar(tile, c, begin, scale, packed.last(), sums, top);
  for (std::size_t p = 0; p < tile.points; ++p) {
    scales.tangents[p] = (scale == nullptr ? T(1) : scale[p]) * c.second[begin + p];
  }
  add_last_vector(tile, problem, c, begin, scale, scales.outputs, scales.tangents, packed.last(), sums, top);
}

// Adds a packed matrix to a row-major one.
template <typename T>
void unpack_add(const T* packed, int rows, int columns, T* matrix) {
  for (int p = 0; p < panels_of<T>(columns); ++p) {
    const int width = columns_in<T>(columns, p);
    for (int r = 0; r < rows; ++r, packed += kPanel<T>) {
      T* to = matrix + static_cast<std::size_t>(r) * static_cast<std::size_t>(columns) + p * kPanel<T>;
      for (int c = 0; c < width; ++c) to[c] += packed[c];
    }
  }
}

// matrix[first(i, column)] += sum_k directions[k, i] sums[k, column]: what tangents along directions (the
// coordinates, if there are none) give to the matrix's rows or columns i < d.
template <typename T, typename At>
void add_tangent_sums(const ConstantRows<T>& sums, const Directions<T>& directions, int d, int columns,
                      At&& at) {
  const bool coordinates = directions.kind == DirectionKind::kCoordinates;
  for (int j = 0; j < columns; ++j) {
    const T* column = sums.panel(j / kPanel<T>) + j % kPanel<T>;
    for (int i = 0; i < d; ++i) {
      if (coordinates) {
        at(i, j) += column[i * kPanel<T>];
        continue;
      }
      for (int k = 0; k < directions.count; ++k)
        at(i, j) += directions.data[k * d + i] * column[k * kPanel<T>];
    }
  }
}

template <typename T>
void add_to_gradient(const JetProblem<T>& problem, const Sums<T>& sums, const Parameters<T>& gradient) {
  const Architecture& network = problem.network;
  const DirectionKind kind = problem.directions.kind;
  const int top = network.depth - 1, d = problem.points.d;
  for (int l = 0; l < network.depth; ++l) {
    const int fan_in = network.widths[l], fan_out = network.widths[l + 1];
    const bool row = l == top && problem.jet != Jet::kDivergence;
    unpack_add(sums.weights[l], row ? 1 : fan_in, row ? fan_in : fan_out, gradient.weights[l]);
    unpack_add(sums.biases[l], 1, fan_out, gradient.biases[l]);
  }
  if (kind == DirectionKind::kShared && problem.jet != Jet::kGradient) {
    const int columns = network.widths[1];
    add_tangent_sums(sums.first, problem.directions, d, columns,
                     [&](int i, int j) -> T& { return gradient.weights[0][i * columns + j]; });
  }
  if (problem.jet == Jet::kDivergence && kind != DirectionKind::kPoint) {
    add_tangent_sums(sums.last, problem.directions, d, network.widths[top],
                     [&](int i, int j) -> T& { return gradient.weights[top][j * d + i]; });
  }
}

}  // namespace transjet::cpu::TRANSJET_ISA
