// The factors of a residual's Jacobian, and products with them.
//
// With the residual's coefficients c = dR/d(jet) as cotangent, one sweep forward and one back leave in a
// tile, for every layer, the streams H that enter it and the adjoints Zbar of those that leave it. Row n of
// the Jacobian is then
//
//   J_l[n] = sum_s H_{l-1}[n, s] (x) Zbar_l[n, s]
//
// and J v needs no derivative of the sweep, only <Zbar_l[n], H_{l-1}[n] V_l>. In the streams of the last
// layer, c . jet = sum_s <weights_s, output_s> with
//
//   scalar network: weights c_value on the value; 1 on the tangent in time, which moves along (c_grad, c_dt
//   dtau); and
//                   c_second on the second-order stream
//   vector network: weights c_value (d of them) on the value; c_second v_k on the tangent along v_k
#pragma once

#include "cpu/outputs.h"

namespace transjet::cpu::TRANSJET_ISA {

// Weight of head row s of a scalar network's output at point n.
template <typename T>
TRANSJET_INLINE T head_weight(const Shape& shape, const Fields<const T>& c, int s, std::size_t n) {
  if (s == 0) return c.value[n];
  return shape.time && s == 1 ? T(1) : c.second[n];
}

// A vector network's output weights, one row a point or, with own directions, one a stream; each times its
// point's scale unless that is null.
template <typename T>
void write_output_weights(const Tile<T>& tile, const JetProblem<T>& problem, const Fields<const T>& c,
                          std::size_t begin, const T* scale, const Panels<T>& to) {
  const auto d = static_cast<std::size_t>(tile.dimension);
  const std::size_t count = tile.own_directions() ? static_cast<std::size_t>(tile.shape.tangents) : 0;
  // Products of whole vectors read the padding, too.
  const int padding = panels_of<T>(tile.dimension) * kPanel<T> - tile.dimension;
  std::size_t row = 0;
  for (std::size_t p = 0; p < tile.points; ++p) {
    const std::size_t n = begin + p;
    const T factor = scale == nullptr ? T(1) : scale[p];
    clear_row(to, row, tile.dimension, padding);
    write_row(to, row++, 0, c.value + n * d, tile.dimension, factor);
    for (std::size_t k = 0; k < count; ++k) {
      clear_row(to, row, tile.dimension, padding);
      write_row(to, row++, 0, problem.directions.data + (n * count + k) * d, tile.dimension,
                factor * c.second[n]);
    }
  }
}

template <typename T>
void seed_scalar(const Tile<T>& tile, const PackedLayer<T>& last, const Fields<const T>& c, std::size_t begin,
                 int p, T* g) {
  const T* weights = last.backward_panel(p);
  for (std::size_t n = begin; n < begin + tile.points; ++n) {
    for (int s = 0; s < tile.shape.count(); ++s, g += kPanel<T>) {
      const T weight = s < tile.shape.head() ? head_weight(tile.shape, c, s, n) : T(0);
      for (int v = 0; v < 2; ++v) store(g + v * kLanes<T>, weight * load(weights + v * kLanes<T>));
    }
  }
}

template <typename T>
void seed_vector(const Tile<T>& tile, const Packed<T>& packed, const Fields<const T>& c, std::size_t begin,
                 int p, T* g) {
  const PackedLayer<T>& last = packed.last();
  const int vectors = vectors_in<T>(last.fan_in, p), d = tile.dimension;
  const Panels<const T> weights = read(tile.outputs);
  if (tile.own_directions())
    return multiply(weights, tile.rows(), d, last.backward_panel(p), vectors, g, false);
  multiply(weights, tile.points, d, last.backward_panel(p), vectors, tile.spare, false);
  const T* row = tile.spare;
  for (std::size_t n = begin; n < begin + tile.points; ++n, row += kPanel<T>) {
    for (int v = 0; v < vectors; ++v) store(g + v * kLanes<T>, load(row + v * kLanes<T>));
    g += kPanel<T>;
    const T* tangent = packed.last_tangents.panel(p);
    for (int k = 0; k < tile.shape.tangents; ++k, g += kPanel<T>, tangent += kPanel<T>) {
      for (int v = 0; v < 2; ++v) store(g + v * kLanes<T>, c.second[n] * load(tangent + v * kLanes<T>));
    }
  }
}

// Fills the tile with the factors of points [begin, begin + tile.points).
template <typename T>
void sweep_factors(Tile<T>& tile, const JetProblem<T>& problem, const Packed<T>& packed,
                   const Fields<const T>& c, std::size_t begin) {
  load_points(tile, problem, &c, begin);
  sweep_forward(tile, packed, problem.network);
  if (problem.jet == Jet::kDivergence) {
    gather_values(tile, read(tile.h[packed.hidden() - 1]), packed.last().fan_in, tile.values);
    write_output_weights(tile, problem, c, begin, static_cast<const T*>(nullptr), tile.outputs);
    sweep_backward(tile, packed, [&](int p, T* g) { seed_vector(tile, packed, c, begin, p, g); });
  } else {
    sweep_backward(tile, packed, [&](int p, T* g) { seed_scalar(tile, packed.last(), c, begin, p, g); });
  }
}

// Adds, for every point, the inner product of `rows` rows of a and b to a vector of partial sums.
template <typename T>
void contract_rows(std::size_t points, std::size_t rows, const T* a, std::size_t a_step, const T* b,
                   std::size_t b_step, int vectors, T* sums) {
  for (std::size_t p = 0; p < points; ++p, a += a_step, b += b_step, sums += kLanes<T>) {
    Vec<T> total[2] = {load(sums), Vec<T>{}};
    for (std::size_t i = 0; i < rows * kPanel<T>; i += kPanel<T>) {
      for (int v = 0; v < vectors; ++v) {
        total[v] = load(a + i + v * kLanes<T>) * load(b + i + v * kLanes<T>) + total[v];
      }
    }
    store(sums, total[0] + total[1]);
  }
}

template <typename T>
void contract_first(const Tile<T>& tile, const Packed<T>& vector, T* sums) {
  const PackedLayer<T>& change = vector.layers[0];
  const std::size_t step = row_of<T>(tile.shape.count()), head = row_of<T>(tile.shape.head());
  for (int p = 0; p < change.panels(); ++p) {
    const int vectors = change.vectors(p);
    const T* zbar = tile.zbar[0].panel(p);
    multiply(read(tile.input), tile.head_rows(), change.fan_in, change.forward_panel(p), vectors,
             tile.scratch, false);
    contract_rows(tile.points, static_cast<std::size_t>(tile.shape.head()), zbar, step, tile.scratch, head,
                  vectors, sums);
    contract_rows(tile.points, 1, zbar, step, change.bias_panel(p), 0, vectors, sums);
    const auto tangents = static_cast<std::size_t>(tile.shape.tangents);
    if (tile.own_directions()) {
      multiply(read(tile.directions), tile.tangent_rows(), tile.dimension, change.forward_panel(p), vectors,
               tile.scratch, false);
      contract_rows(tile.points, tangents, zbar + head, step, tile.scratch, row_of<T>(tile.shape.tangents),
                    vectors, sums);
    } else if (tangents > 0) {
      contract_rows(tile.points, tangents, zbar + head, step, vector.first_tangents.panel(p), 0, vectors,
                    sums);
    }
  }
}

template <typename T>
void contract_hidden(const Tile<T>& tile, const Packed<T>& vector, int l, T* sums) {
  const PackedLayer<T>& change = vector.layers[l];
  const std::size_t step = row_of<T>(tile.shape.count());
  for (int p = 0; p < change.panels(); ++p) {
    const int vectors = change.vectors(p);
    const T* zbar = tile.zbar[l].panel(p);
    multiply(read(tile.h[l - 1]), tile.rows(), change.fan_in, change.forward_panel(p), vectors, tile.scratch,
             false);
    contract_rows(tile.points, static_cast<std::size_t>(tile.shape.count()), zbar, step, tile.scratch, step,
                  vectors, sums);
    contract_rows(tile.points, 1, zbar, step, change.bias_panel(p), 0, vectors, sums);
  }
}

template <typename T>
T contract_last_scalar(const Tile<T>& tile, const PackedLayer<T>& change, const Panels<const T>& h,
                       const Fields<const T>& c, std::size_t point, std::size_t n) {
  T total = c.value[n] * change.bias[0];
  const std::size_t first = point * static_cast<std::size_t>(tile.shape.count());
  for (int s = 0; s < tile.shape.head(); ++s) {
    const std::size_t row = first + static_cast<std::size_t>(s);
    total += head_weight(tile.shape, c, s, n) *
             sum<T>(multiply_rows(h, row, change.backward, kPanel<T>, change.fan_in, Vec<T>{}));
  }
  return total;
}

template <typename T>
void contract_last_vector(const Tile<T>& tile, const PackedLayer<T>& change, const Panels<const T>& h,
                          T* sums) {
  const bool own = tile.own_directions();
  const std::size_t streams = own ? static_cast<std::size_t>(tile.shape.count()) : 1;
  const int d = tile.dimension;
  for (int p = 0; p < panels_of<T>(d); ++p) {
    const int vectors = vectors_in<T>(d, p);
    const T* weights = tile.outputs.panel(p);
    multiply(own ? h : read(tile.values), tile.points * streams, change.fan_in, change.forward_panel(p),
             vectors, tile.scratch, false);
    contract_rows(tile.points, streams, weights, streams * kPanel<T>, tile.scratch, streams * kPanel<T>,
                  vectors, sums);
    contract_rows(tile.points, 1, weights, streams * kPanel<T>, change.bias_panel(p), 0, vectors, sums);
  }
}

// Adds J v of the tile's points to `product`; `sums` holds a vector a point.
template <typename T>
void add_product(const Tile<T>& tile, const Packed<T>& vector, const Fields<const T>& c, std::size_t begin,
                 T* sums, T* product) {
  const int top = vector.hidden() - 1;
  const PackedLayer<T>& last = vector.last();
  const Panels<const T> h = read(tile.h[top]);
  const bool is_vector = tile.outputs.data != nullptr;
  for (std::size_t p = 0; p < tile.points; ++p) store(sums + p * kLanes<T>, Vec<T>{});
  contract_first(tile, vector, sums);
  for (int l = 1; l <= top; ++l) contract_hidden(tile, vector, l, sums);
  if (is_vector) contract_last_vector(tile, last, h, sums);
  for (std::size_t p = 0; p < tile.points; ++p) {
    product[p] += sum<T>(load(sums + p * kLanes<T>));
    if (!is_vector) {
      product[p] += contract_last_scalar(tile, last, h, c, p, begin + p);
    } else if (!tile.own_directions()) {
      product[p] += c.second[begin + p] *
                    sum<T>(contract_tangents(tile, h, p, vector.last_tangents, last.fan_in, Vec<T>{}));
    }
  }
}

}  // namespace transjet::cpu::TRANSJET_ISA
