// The working memory of one thread for one network: the streams of a few points through all layers, small
// enough for the second-level cache.
#pragma once

#include "cpu/packed.h"
#include "cpu/streams.h"

namespace transjet::cpu::TRANSJET_ISA {

// What a tile remembers of the forward pass.
enum class Keep {
  kNothing,  // streams of the last hidden layer only
  kSlopes,   // and pre-activations and slopes of every layer: what tangents need
  kAll,      // and streams and adjoints of every layer: the factors of the Jacobian
};

template <typename T>
struct Tile {
  Shape shape;
  Keep keep;
  DirectionKind kind;
  int dimension;         // d
  int hidden;            // layers
  std::size_t capacity;  // points
  std::size_t points;    // how many of them are in use
  Panels<T> input;       // head rows of (x, tau)
  Panels<T> directions;  // tangent rows of x, where each point has its own directions
  Panels<T>* h;          // streams that leave each hidden layer
  Panels<T>* z;          // pre-activations
  T** slopes;            // panels of kSlopeStep elements a point
  Panels<T>* zbar;       // adjoints of the pre-activations
  T* scratch;            // one panel of streams
  Panels<T> below;       // value rows of the layer below, one a point
  T* spare;              // another one, where everything is kept
  Panels<T> values;      // of a vector network: value rows of the last hidden layer, one a point
  Panels<T>
      outputs;  // of a vector network: rows of d numbers, one a point, or one a stream with own directions

  std::size_t rows() const { return points * static_cast<std::size_t>(shape.count()); }
  std::size_t head_rows() const { return points * static_cast<std::size_t>(shape.head()); }
  std::size_t tangent_rows() const { return points * static_cast<std::size_t>(shape.tangents); }
  bool own_directions() const { return kind == DirectionKind::kPoint; }
  bool keeps_z() const { return keep != Keep::kNothing; }
  T* slopes_panel(int layer, int p) const {
    if (keep == Keep::kNothing) p = 0;
    return slopes[layer] + static_cast<std::size_t>(p) * capacity * kSlopeStep<T>;
  }
  // Tangents of the first layer lie behind its head rows.
  T* first_tangents(int p) const { return z[0].panel(p) + capacity * row_of<T>(shape.head()); }

  Rows<T> pre_activations(int layer, int p, const ConstantRows<T>& constant) const {
    const T* head = z[layer].panel(p);
    const std::size_t head_size = row_of<T>(shape.head());
    if (layer > 0) return {head, row_of<T>(shape.count()), head + head_size, row_of<T>(shape.count())};
    if (own_directions()) return {head, head_size, first_tangents(p), row_of<T>(shape.tangents)};
    return {head, head_size, constant.panel(p), 0};
  }
};

inline Shape stream_shape(Jet jet, int directions) {
  if (jet == Jet::kGradient) return {0, true, false};
  return {directions, jet == Jet::kLaplacian, jet == Jet::kLaplacian};
}

inline int widest_layer(const Architecture& network) {
  int widest = 1;
  for (int l = 1; l < network.depth; ++l) widest = network.widths[l] > widest ? network.widths[l] : widest;
  return widest;
}

template <typename T>
Panels<T> take_panels(Arena& arena, std::size_t rows, int width) {
  const std::size_t stride = rows * static_cast<std::size_t>(kPanel<T>);
  return {arena.take<T>(stride * static_cast<std::size_t>(panels_of<T>(width))), stride};
}

// Takes what stays true of a set of points as long as the parameters do (with Keep::kAll the factors of their
// Jacobian) from `kept`, and everything else from `work`.
template <typename T>
Tile<T> lay_out_tile(Arena& kept, Arena& work, const JetProblem<T>& problem, const Shape& shape, Keep keep,
                     std::size_t capacity) {
  const Architecture& network = problem.network;
  const auto hidden = static_cast<std::size_t>(network.depth - 1);
  const std::size_t rows = capacity * static_cast<std::size_t>(shape.count());
  Tile<T> tile{};
  tile.shape = shape;
  tile.keep = keep;
  tile.kind = shape.tangents == 0 ? DirectionKind::kCoordinates : problem.directions.kind;
  tile.dimension = problem.points.d;
  tile.hidden = network.depth - 1;
  tile.capacity = capacity;
  tile.input = take_panels<T>(kept, capacity * static_cast<std::size_t>(shape.head()), network.widths[0]);
  if (tile.own_directions()) {
    tile.directions =
        take_panels<T>(kept, capacity * static_cast<std::size_t>(shape.tangents), problem.points.d);
  }
  tile.h = work.take<Panels<T>>(hidden);
  tile.z = work.take<Panels<T>>(hidden);
  tile.zbar = work.take<Panels<T>>(hidden);
  tile.slopes = work.take<T*>(hidden);
  tile.scratch = take_panels<T>(work, rows, 1).data;
  tile.below = take_panels<T>(work, capacity, widest_layer(network));
  if (keep == Keep::kAll) tile.spare = take_panels<T>(work, rows, 1).data;
  if (problem.jet == Jet::kDivergence) {
    tile.values = take_panels<T>(kept, capacity, network.widths[network.depth - 1]);
    tile.outputs = take_panels<T>(kept, tile.own_directions() ? rows : capacity, problem.points.d);
  }
  Panels<T> pair[2]{};
  if (keep != Keep::kAll) {
    for (Panels<T>& half : pair) half = take_panels<T>(work, rows, widest_layer(network));
  }
  // Slopes that nobody asks for again share one panel.
  T* spent = keep == Keep::kNothing ? work.take<T>(capacity * kSlopeStep<T>) : nullptr;
  for (int l = 0; l < network.depth - 1; ++l) {
    const int width = network.widths[l + 1];
    const Panels<T> h = keep == Keep::kAll ? take_panels<T>(kept, rows, width) : pair[l % 2];
    Panels<T> z{tile.scratch, 0}, zbar{};
    T* slopes = spent;
    if (keep != Keep::kNothing) {
      // Adjoints overwrite pre-activations, except in the first layer, whose rows lie differently.
      z = take_panels<T>(keep == Keep::kAll && l > 0 ? kept : work, rows, width);
      slopes = work.take<T>(static_cast<std::size_t>(panels_of<T>(width)) * capacity * kSlopeStep<T>);
    }
    if (keep == Keep::kAll) zbar = l == 0 ? take_panels<T>(kept, rows, width) : z;
    if (work.counting()) continue;
    tile.h[l] = h;
    tile.z[l] = z;
    tile.zbar[l] = zbar;
    tile.slopes[l] = slopes;
  }
  return tile;
}

// Elements [0, width) of `from` into columns [column, column + width) of a row of panels, times `scale`.
template <typename T>
void write_row(const Panels<T>& panels, std::size_t row, int column, const T* from, int width, T scale) {
  for (int i = 0; i < width; ++i, ++column)
    panels.row(column / kPanel<T>, row)[column % kPanel<T>] = scale * from[i];
}

template <typename T>
void clear_row(const Panels<T>& panels, std::size_t row, int column, int width) {
  for (int i = 0; i < width; ++i, ++column) panels.row(column / kPanel<T>, row)[column % kPanel<T>] = T(0);
}

// Points [begin, begin + tile.points) into the tile. The tangent in time moves tau along dtau and lets x
// rest; with coefficients c of a jet it moves (x, tau) along (c_grad, c_dt dtau), and so gives their whole
// contribution at once.
template <typename T>
void load_points(Tile<T>& tile, const JetProblem<T>& problem, const Fields<const T>* coefficients,
                 std::size_t begin) {
  const Points<T>& points = problem.points;
  const auto d = static_cast<std::size_t>(points.d), f = static_cast<std::size_t>(points.f);
  std::size_t row = 0;
  for (std::size_t n = begin; n < begin + tile.points; ++n) {
    write_row(tile.input, row, 0, points.x + n * d, points.d, T(1));
    write_row(tile.input, row++, points.d, points.tau + n * f, points.f, T(1));
    if (tile.shape.time) {
      if (coefficients == nullptr) {
        clear_row(tile.input, row, 0, points.d);
      } else {
        write_row(tile.input, row, 0, coefficients->grad + n * d, points.d, T(1));
      }
      const T speed = coefficients == nullptr ? T(1) : coefficients->dt[n];
      write_row(tile.input, row++, points.d, points.dtau + n * f, points.f, speed);
    }
    if (tile.shape.second) clear_row(tile.input, row++, 0, points.d + points.f);
  }
  if (!tile.own_directions()) return;
  row = 0;
  const auto count = static_cast<std::size_t>(tile.shape.tangents);
  for (std::size_t k = begin * count; k < (begin + tile.points) * count; ++k) {
    write_row(tile.directions, row++, 0, problem.directions.data + k * d, points.d, T(1));
  }
}

}  // namespace transjet::cpu::TRANSJET_ISA
