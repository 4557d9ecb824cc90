// A tile through a network: forward, along a change of the parameters, and back.
#pragma once

#include "cpu/gemm.h"
#include "cpu/tile.h"

namespace transjet::cpu::TRANSJET_ISA {

template <typename T>
Panels<const T> read(const Panels<T>& panels) {
  return {panels.data, panels.stride};
}

template <Activation A, typename T>
void activate_as(const Tile<T>& tile, int vectors, const Rows<T>& z, const T* bias, T* h, T* slopes) {
  if (slopes == nullptr) {
    if (vectors == 2) return activate_panel<A, T, 2, false>(tile.shape, tile.points, z, bias, h, slopes);
    return activate_panel<A, T, 1, false>(tile.shape, tile.points, z, bias, h, slopes);
  }
  if (vectors == 2) return activate_panel<A, T, 2, true>(tile.shape, tile.points, z, bias, h, slopes);
  activate_panel<A, T, 1, true>(tile.shape, tile.points, z, bias, h, slopes);
}

template <typename T>
void activate(Activation activation, const Tile<T>& tile, int vectors, const Rows<T>& z, const T* bias, T* h,
              T* slopes) {
  switch (activation) {
    case Activation::kTanh:
      return activate_as<Activation::kTanh>(tile, vectors, z, bias, h, slopes);
    case Activation::kSin:
      return activate_as<Activation::kSin>(tile, vectors, z, bias, h, slopes);
    case Activation::kGelu:
      return activate_as<Activation::kGelu>(tile, vectors, z, bias, h, slopes);
    case Activation::kSilu:
      return activate_as<Activation::kSilu>(tile, vectors, z, bias, h, slopes);
    case Activation::kSoftplus:
      return activate_as<Activation::kSoftplus>(tile, vectors, z, bias, h, slopes);
    case Activation::kIdentity:
      return activate_as<Activation::kIdentity>(tile, vectors, z, bias, h, slopes);
  }
}

// Pre-activations of one panel of a hidden layer, without bias.
template <typename T>
void multiply_layer(const Tile<T>& tile, const Packed<T>& packed, int l, int p) {
  const PackedLayer<T>& layer = packed.layers[l];
  const T* weights = layer.forward_panel(p);
  const int vectors = layer.vectors(p);
  if (l > 0) {
    return multiply(read(tile.h[l - 1]), tile.rows(), layer.fan_in, weights, vectors, tile.z[l].panel(p),
                    false);
  }
  multiply(read(tile.input), tile.head_rows(), layer.fan_in, weights, vectors, tile.z[0].panel(p), false);
  if (tile.own_directions()) {
    const int d = tile.dimension;
    multiply(read(tile.directions), tile.tangent_rows(), d, weights, vectors, tile.first_tangents(p), false);
  }
}

// Streams through all hidden layers.
template <typename T>
void sweep_forward(const Tile<T>& tile, const Packed<T>& packed, const Architecture& network) {
  for (int l = 0; l < packed.hidden(); ++l) {
    const PackedLayer<T>& layer = packed.layers[l];
    for (int p = 0; p < layer.panels(); ++p) {
      multiply_layer(tile, packed, l, p);
      activate(network.activations[l], tile, layer.vectors(p),
               tile.pre_activations(l, p, packed.first_tangents), layer.bias_panel(p), tile.h[l].panel(p),
               tile.slopes[l] == nullptr ? nullptr : tile.slopes_panel(l, p));
    }
  }
}

template <typename T>
void pull_back(const Tile<T>& tile, const Packed<T>& packed, int l, int p, const T* g) {
  const Rows<T> z = tile.pre_activations(l, p, packed.first_tangents);
  const T* slopes = tile.slopes_panel(l, p);
  T* zbar = tile.zbar[l].panel(p);
  if (packed.layers[l].vectors(p) == 2)
    return pull_back_panel<T, 2>(tile.shape, tile.points, z, slopes, g, zbar);
  pull_back_panel<T, 1>(tile.shape, tile.points, z, slopes, g, zbar);
}

// Adjoints of all hidden layers' pre-activations. `seed(p, g)` writes those of the last hidden layer's
// streams.
template <typename T, typename Seed>
void sweep_backward(const Tile<T>& tile, const Packed<T>& packed, Seed&& seed) {
  const int top = packed.hidden() - 1;
  for (int p = 0; p < packed.layers[top].panels(); ++p) {
    seed(p, tile.scratch);
    pull_back(tile, packed, top, p, tile.scratch);
  }
  for (int l = top - 1; l >= 0; --l) {
    const PackedLayer<T>& above = packed.layers[l + 1];
    for (int p = 0; p < packed.layers[l].panels(); ++p) {
      multiply(read(tile.zbar[l + 1]), tile.rows(), above.fan_out, above.backward_panel(p),
               packed.layers[l].vectors(p), tile.scratch, false);
      pull_back(tile, packed, l, p, tile.scratch);
    }
  }
}

}  // namespace transjet::cpu::TRANSJET_ISA
