// Parameters of a network, packed into panels once per call; read by all threads.
#pragma once

#include "core/network.h"
#include "cpu/arena.h"
#include "cpu/panels.h"

namespace transjet::cpu::TRANSJET_ISA {

template <typename T>
TRANSJET_INLINE std::size_t packed_size(int rows, int columns) {
  return static_cast<std::size_t>(panels_of<T>(columns)) * static_cast<std::size_t>(rows) * kPanel<T>;
}

template <typename T>
struct PackedLayer {
  int fan_in, fan_out;
  const T* forward;   // W: panels of fan_in rows
  const T* backward;  // its transpose: panels of fan_out rows; null unless asked for
  const T* bias;      // padded to whole panels

  const T* forward_panel(int p) const { return forward + packed_size<T>(fan_in, p * kPanel<T>); }
  const T* backward_panel(int p) const { return backward + packed_size<T>(fan_out, p * kPanel<T>); }
  const T* bias_panel(int p) const { return bias + p * kPanel<T>; }
  int vectors(int p) const { return vectors_in<T>(fan_out, p); }
  int panels() const { return panels_of<T>(fan_out); }
};

// Rows that are the same for all points, in panels: those of tangents along coordinates or shared directions.
template <typename T>
struct ConstantRows {
  const T* data;
  std::size_t stride;

  const T* panel(int p) const { return data + static_cast<std::size_t>(p) * stride; }
};

template <typename T>
struct Packed {
  int depth;
  PackedLayer<T>* layers;
  ConstantRows<T> first_tangents;  // directions W_1: pre-activations of the first layer's tangents
  ConstantRows<T> last_tangents;  // W_L directions^T, transposed: what the divergence contracts tangents with

  const PackedLayer<T>& last() const { return layers[depth - 1]; }
  int hidden() const { return depth - 1; }
};

enum class Pass { kForward, kBoth };

// directions (count, d) times the first d rows of a packed W, and W times directions^T, transposed: both are
// sums of rows of a packed matrix.
template <typename T>
T* combine_rows(Arena& arena, const Directions<T>& directions, int d, const T* packed, int rows,
                int columns) {
  T* combined = arena.take<T>(packed_size<T>(directions.count, columns));
  if (arena.counting()) return combined;
  T* to = combined;
  for (int p = 0; p < panels_of<T>(columns); ++p) {
    for (int k = 0; k < directions.count; ++k, to += kPanel<T>) {
      for (int c = 0; c < kPanel<T>; ++c) to[c] = T(0);
      for (int i = 0; i < d; ++i) {
        const T weight = directions.data[k * d + i];
        const T* from = packed + packed_size<T>(rows, p * kPanel<T>) + i * kPanel<T>;
        for (int c = 0; c < kPanel<T>; ++c) to[c] += weight * from[c];
      }
    }
  }
  return combined;
}

// The rows of tangents at one end of the network, out of a packed matrix whose first d rows belong to the
// coordinates.
template <typename T>
ConstantRows<T> tangent_rows(Arena& arena, const JetProblem<T>& problem, const T* packed, int rows,
                             int columns) {
  const Directions<T>& directions = problem.directions;
  switch (directions.kind) {
    case DirectionKind::kCoordinates:
      return {packed, static_cast<std::size_t>(rows) * kPanel<T>};
    case DirectionKind::kShared:
      return {combine_rows(arena, directions, problem.points.d, packed, rows, columns),
              static_cast<std::size_t>(directions.count) * kPanel<T>};
    default:
      return {nullptr, 0};  // each point has its own
  }
}

template <typename T>
PackedLayer<T> pack_layer(Arena& arena, const T* weight, const T* bias, int fan_in, int fan_out,
                          bool backward) {
  T* forward = arena.take<T>(packed_size<T>(fan_in, fan_out));
  T* transposed = backward ? arena.take<T>(packed_size<T>(fan_out, fan_in)) : nullptr;
  T* padded = arena.take<T>(packed_size<T>(1, fan_out));
  if (!arena.counting()) {
    pack(weight, fan_in, fan_out, forward);
    if (backward) pack_transposed(weight, fan_in, fan_out, transposed);
    pack(bias, 1, fan_out, padded);
  }
  return {fan_in, fan_out, forward, transposed, padded};
}

// Lays out and, where the arena has memory, packs.
template <typename T>
Packed<T> pack_parameters(Arena& arena, const JetProblem<T>& problem, const Parameters<const T>& parameters,
                          Pass pass) {
  const Architecture& network = problem.network;
  Packed<T> packed{network.depth, nullptr, {}, {}};
  PackedLayer<T>* layers = arena.take<PackedLayer<T>>(static_cast<std::size_t>(network.depth));
  PackedLayer<T> last{};
  for (int l = 0; l < network.depth; ++l) {
    // A vector network's last layer is read transposed even by the forward pass: the divergence contracts
    // with it.
    const bool backward = pass == Pass::kBoth || l == network.depth - 1;
    last = pack_layer(arena, parameters.weights[l], parameters.biases[l], network.widths[l],
                      network.widths[l + 1], backward);
    if (l == 0) packed.first_tangents = tangent_rows(arena, problem, last.forward, last.fan_in, last.fan_out);
    if (!arena.counting()) layers[l] = last;
  }
  if (problem.jet == Jet::kDivergence) {
    packed.last_tangents = tangent_rows(arena, problem, last.backward, last.fan_out, last.fan_in);
  }
  packed.layers = layers;
  return packed;
}

}  // namespace transjet::cpu::TRANSJET_ISA
