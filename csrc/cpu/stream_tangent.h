// Derivatives of a tile's streams along a change of the parameters.
#pragma once

#include "cpu/outputs.h"

namespace transjet::cpu::TRANSJET_ISA {

template <typename T>
struct TangentTile {
  Tile<T> primal;
  Panels<T> hdot[2];  // of the layer below and of this one
  T* zdot;            // one panel
};

template <typename T>
TangentTile<T> lay_out_tangent(Arena& arena, const JetProblem<T>& problem, const Shape& shape,
                               std::size_t capacity) {
  const std::size_t rows = capacity * static_cast<std::size_t>(shape.count());
  TangentTile<T> tile{};
  tile.primal = lay_out_tile(arena, arena, problem, shape, Keep::kSlopes, capacity);
  for (Panels<T>& half : tile.hdot) half = take_panels<T>(arena, rows, widest_layer(problem.network));
  tile.zdot = take_panels<T>(arena, rows, 1).data;
  return tile;
}

// zdot of the first layer: head rows are a product; tangents are one too, or the same for all points. The
// rows of a point are brought together.
template <typename T>
void first_layer_tangent(const TangentTile<T>& tile, const Packed<T>& vector, int p) {
  const Tile<T>& primal = tile.primal;
  const PackedLayer<T>& change = vector.layers[0];
  const int vectors = change.vectors(p);
  T* head = primal.scratch;
  T* tangents = head + primal.head_rows() * kPanel<T>;
  multiply(read(primal.input), primal.head_rows(), change.fan_in, change.forward_panel(p), vectors, head,
           false);
  if (primal.own_directions()) {
    multiply(read(primal.directions), primal.tangent_rows(), primal.dimension, change.forward_panel(p),
             vectors, tangents, false);
  }
  const std::size_t head_size = row_of<T>(primal.shape.head()),
                    tangent_size = row_of<T>(primal.shape.tangents);
  T* to = tile.zdot;
  for (std::size_t n = 0; n < primal.points; ++n) {
    const T* moved = primal.own_directions() ? tangents + n * tangent_size : vector.first_tangents.panel(p);
    for (std::size_t i = 0; i < head_size; ++i) *to++ = head[n * head_size + i];
    for (std::size_t i = 0; i < tangent_size; ++i) *to++ = moved[i];
  }
}

// Streams and their derivatives through all hidden layers; afterwards the last ones are in primal.h and hdot
// of the last hidden layer.
template <typename T>
void sweep_tangent(const TangentTile<T>& tile, const Packed<T>& packed, const Packed<T>& vector,
                   const Architecture& network) {
  const Tile<T>& primal = tile.primal;
  for (int l = 0; l < packed.hidden(); ++l) {
    const PackedLayer<T>&layer = packed.layers[l], &change = vector.layers[l];
    enter_layer(primal, packed, l);
    for (int p = 0; p < layer.panels(); ++p) {
      const int vectors = layer.vectors(p);
      forward_panel(primal, packed, network, l, p);
      const Rows<T> z = primal.pre_activations(l, p, packed.first_tangents);
      if (l == 0) {
        first_layer_tangent(tile, vector, p);
      } else {
        multiply(read(tile.hdot[(l - 1) % 2]), primal.rows(), layer.fan_in, layer.forward_panel(p), vectors,
                 tile.zdot, false);
        multiply(read(primal.h[l - 1]), primal.rows(), layer.fan_in, change.forward_panel(p), vectors,
                 tile.zdot, true);
      }
      const T* bias = change.bias_panel(p);
      T* hdot = tile.hdot[l % 2].panel(p);
      if (vectors == 2) {
        push_forward_panel<T, 2>(primal.shape, primal.points, z, primal.slopes_panel(l, p), bias, tile.zdot,
                                 hdot);
      } else {
        push_forward_panel<T, 1>(primal.shape, primal.points, z, primal.slopes_panel(l, p), bias, tile.zdot,
                                 hdot);
      }
    }
  }
}

}  // namespace transjet::cpu::TRANSJET_ISA
