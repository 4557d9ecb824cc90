// gradient_jet: value, derivative in time and gradient of a scalar network, by one sweep forward and one
// back, and the derivative of all that along a change of the parameters. One row a point, whatever d.
#pragma once

#include "cpu/outputs.h"

namespace transjet::cpu::TRANSJET_ISA {

template <typename T>
struct GradientTile {
  Tile<T> primal;
  // Along a change of the parameters: streams, pre-activations, adjoints of the pre-activations.
  Panels<T>* hdot;
  Panels<T>* zdot;
  Panels<T>* zbardot;
  T* scratch;
};

enum class Role { kForward, kTangent };

template <typename T>
GradientTile<T> lay_out_gradient(Arena& arena, const JetProblem<T>& problem, Role role,
                                 std::size_t capacity) {
  GradientTile<T> tile{};
  tile.primal = lay_out_tile(arena, arena, problem, Shape{0, false, false}, Keep::kAll, capacity);
  if (role == Role::kForward) return tile;
  const auto hidden = static_cast<std::size_t>(problem.network.depth - 1);
  tile.hdot = arena.take<Panels<T>>(hidden);
  tile.zdot = arena.take<Panels<T>>(hidden);
  tile.zbardot = arena.take<Panels<T>>(hidden);
  tile.scratch = take_panels<T>(arena, capacity, 1).data;
  for (int l = 0; l < problem.network.depth - 1; ++l) {
    for (Panels<T>* panels : {tile.hdot, tile.zdot, tile.zbardot}) {
      const Panels<T> taken = take_panels<T>(arena, capacity, problem.network.widths[l + 1]);
      if (!arena.counting()) panels[l] = taken;
    }
  }
  return tile;
}

// Adds <gradient with respect to (x, tau), .> to the fields; `gradient` is one panel, columns [p kPanel,
// ...).
template <typename T>
void add_input_gradient(const T* gradient, const JetProblem<T>& problem, int p, std::size_t begin,
                        std::size_t points, const Fields<T>& result, bool with_dt) {
  const int d = problem.points.d, f = problem.points.f;
  for (std::size_t n = begin; n < begin + points; ++n, gradient += kPanel<T>) {
    for (int c = 0; c < columns_in<T>(d + f, p); ++c) {
      const int i = p * kPanel<T> + c;
      if (i < d) {
        result.grad[n * static_cast<std::size_t>(d) + static_cast<std::size_t>(i)] += gradient[c];
      } else if (with_dt) {
        result.dt[n] +=
            gradient[c] *
            problem.points.dtau[n * static_cast<std::size_t>(f) + static_cast<std::size_t>(i - d)];
      }
    }
  }
}

// Writes the last layer's weights as the adjoint of every point's last hidden stream.
template <typename T>
auto seed_with_weights(const PackedLayer<T>& last, std::size_t points) {
  return [&last, points](int p, T* g) {
    const T* row = last.backward_panel(p);
    for (std::size_t n = 0; n < points; ++n, g += kPanel<T>) {
      for (int v = 0; v < 2; ++v) store(g + v * kLanes<T>, load(row + v * kLanes<T>));
    }
  };
}

// The sweeps that fill a tile with streams and adjoints of points [begin, begin + tile.points).
template <typename T>
void sweep_gradient(Tile<T>& tile, const JetProblem<T>& problem, const Packed<T>& packed, std::size_t begin) {
  load_points(tile, problem, static_cast<const Fields<const T>*>(nullptr), begin);
  sweep_forward(tile, packed, problem.network);
  sweep_backward(tile, packed, seed_with_weights(packed.last(), tile.points));
}

// Gradient, and the derivative in time if it is wanted here, added to the fields.
template <typename T>
void add_gradient(const Tile<T>& tile, const JetProblem<T>& problem, const Packed<T>& packed,
                  std::size_t begin, const Fields<T>& result, bool with_dt) {
  const PackedLayer<T>& first = packed.layers[0];
  for (int p = 0; p < panels_of<T>(first.fan_in); ++p) {
    multiply(read(tile.zbar[0]), tile.points, first.fan_out, first.backward_panel(p),
             vectors_in<T>(first.fan_in, p), tile.scratch, false);
    add_input_gradient(tile.scratch, problem, p, begin, tile.points, result, with_dt);
  }
}

// zdot and hdot of one panel of hidden layer l.
template <typename T>
void push_value_forward(const GradientTile<T>& tile, const Packed<T>& packed, const Packed<T>& vector, int l,
                        int p) {
  const PackedLayer<T>&layer = packed.layers[l], &change = vector.layers[l];
  const int vectors = layer.vectors(p);
  const Tile<T>& primal = tile.primal;
  T* zdot = tile.zdot[l].panel(p);
  const Panels<const T> below = read(l == 0 ? primal.input : primal.h[l - 1]);
  multiply(below, primal.points, layer.fan_in, change.forward_panel(p), vectors, zdot, false);
  if (l > 0) {
    multiply(read(tile.hdot[l - 1]), primal.points, layer.fan_in, layer.forward_panel(p), vectors, zdot,
             true);
  }
  const T* slopes = primal.slopes_panel(l, p);
  T* hdot = tile.hdot[l].panel(p);
  for (std::size_t n = 0; n < primal.points; ++n) {
    for (int at = 0; at < vectors * kLanes<T>; at += kLanes<T>) {
      const std::size_t i = n * kPanel<T> + static_cast<std::size_t>(at);
      const Vec<T> z = load(zdot + i) + load(change.bias_panel(p) + at);
      store(zdot + i, z);
      store(hdot + i, load(slopes + n * kSlopeStep<T> + at) * z);
    }
  }
}

// The change of one panel of layer l's adjoints: zbardot = f' gdot + f'' zdot g, with g = zbar / f' kept
// nowhere and so computed again.
template <typename T>
void pull_value_back(const GradientTile<T>& tile, const Packed<T>& packed, const Packed<T>& vector, int l,
                     int p) {
  const Tile<T>& primal = tile.primal;
  const int vectors = packed.layers[l].vectors(p), top = packed.hidden() - 1;
  T *g = primal.scratch, *gdot = tile.scratch;
  if (l == top) {
    seed_with_weights(packed.last(), primal.points)(p, g);
    seed_with_weights(vector.last(), primal.points)(p, gdot);
  } else {
    const PackedLayer<T>&above = packed.layers[l + 1], &change = vector.layers[l + 1];
    const Panels<const T> zbar = read(primal.zbar[l + 1]);
    multiply(zbar, primal.points, above.fan_out, above.backward_panel(p), vectors, g, false);
    multiply(zbar, primal.points, above.fan_out, change.backward_panel(p), vectors, gdot, false);
    multiply(read(tile.zbardot[l + 1]), primal.points, above.fan_out, above.backward_panel(p), vectors, gdot,
             true);
  }
  const T* slopes = primal.slopes_panel(l, p);
  for (std::size_t n = 0; n < primal.points; ++n, slopes += kSlopeStep<T>) {
    for (int at = 0; at < vectors * kLanes<T>; at += kLanes<T>) {
      const std::size_t i = n * kPanel<T> + static_cast<std::size_t>(at);
      const Vec<T> bend = load(slopes + kPanel<T> + at) * load(tile.zdot[l].panel(p) + i);
      store(tile.zbardot[l].panel(p) + i, load(slopes + at) * load(gdot + i) + bend * load(g + i));
    }
  }
}

// The change of value, gradient and derivative in time along `vector`; the tile has been swept.
template <typename T>
void add_gradient_tangent(const GradientTile<T>& tile, const JetProblem<T>& problem, const Packed<T>& packed,
                          const Packed<T>& vector, std::size_t begin, const Fields<T>& result, bool with_dt) {
  const Tile<T>& primal = tile.primal;
  const PackedLayer<T>&first = packed.layers[0], &change = vector.layers[0];
  for (int l = 0; l < packed.hidden(); ++l) {
    for (int p = 0; p < packed.layers[l].panels(); ++p) push_value_forward(tile, packed, vector, l, p);
  }
  for (int l = packed.hidden() - 1; l >= 0; --l) {
    for (int p = 0; p < packed.layers[l].panels(); ++p) pull_value_back(tile, packed, vector, l, p);
  }
  for (int p = 0; p < panels_of<T>(first.fan_in); ++p) {
    const int vectors = vectors_in<T>(first.fan_in, p);
    multiply(read(tile.zbardot[0]), primal.points, first.fan_out, first.backward_panel(p), vectors,
             tile.scratch, false);
    multiply(read(primal.zbar[0]), primal.points, first.fan_out, change.backward_panel(p), vectors,
             tile.scratch, true);
    add_input_gradient(tile.scratch, problem, p, begin, primal.points, result, with_dt);
  }
}

}  // namespace transjet::cpu::TRANSJET_ISA
