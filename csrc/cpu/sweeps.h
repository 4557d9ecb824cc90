// A tile through a network: forward, along a change of the parameters, and back.
#pragma once

#include "cpu/stream_product.h"
#include "cpu/tile.h"

namespace transjet::cpu::TRANSJET_ISA {

template <typename T>
Panels<const T> read(const Panels<T>& panels) {
  return {panels.data, panels.stride};
}

// Copies each point's value row of `width` columns to `values`, one row a point.
template <typename T>
void gather_values(const Tile<T>& tile, const Panels<const T>& h, int width, const Panels<T>& values) {
  const std::size_t step = row_of<T>(tile.shape.count());
  for (int p = 0; p < panels_of<T>(width); ++p) {
    const T* from = h.data + static_cast<std::size_t>(p) * h.stride;
    T* to = values.panel(p);
    for (std::size_t point = 0; point < tile.points; ++point, from += step, to += kPanel<T>) {
      for (int v = 0; v < vectors_in<T>(width, p); ++v) store(to + v * kLanes<T>, load(from + v * kLanes<T>));
    }
  }
}

template <Activation A, typename T>
void activate_as(const Tile<T>& tile, int vectors, const T* z, std::size_t z_step, const T* bias, T* h,
                 T* slopes) {
  const std::size_t step = row_of<T>(tile.shape.count());
  if (vectors == 2) return activate_values<A, T, 2>(tile.points, z, z_step, bias, h, step, slopes);
  activate_values<A, T, 1>(tile.points, z, z_step, bias, h, step, slopes);
}

// Value rows of the streams h of one panel, and the slopes.
template <typename T>
void activate(Activation activation, const Tile<T>& tile, int vectors, const T* z, std::size_t z_step,
              const T* bias, T* h, T* slopes) {
  switch (activation) {
    case Activation::kTanh:
      return activate_as<Activation::kTanh>(tile, vectors, z, z_step, bias, h, slopes);
    case Activation::kSin:
      return activate_as<Activation::kSin>(tile, vectors, z, z_step, bias, h, slopes);
    case Activation::kGelu:
      return activate_as<Activation::kGelu>(tile, vectors, z, z_step, bias, h, slopes);
    case Activation::kSilu:
      return activate_as<Activation::kSilu>(tile, vectors, z, z_step, bias, h, slopes);
    case Activation::kSoftplus:
      return activate_as<Activation::kSoftplus>(tile, vectors, z, z_step, bias, h, slopes);
    case Activation::kIdentity:
      return activate_as<Activation::kIdentity>(tile, vectors, z, z_step, bias, h, slopes);
  }
}

// Panel p of the first hidden layer's streams: its tangents are products only where each point has its own.
template <typename T>
void forward_first(const Tile<T>& tile, const Packed<T>& packed, Activation activation, int p) {
  const PackedLayer<T>& layer = packed.layers[0];
  const T* weights = layer.forward_panel(p);
  const int vectors = layer.vectors(p);
  T *h = tile.h[0].panel(p), *slopes = tile.slopes_panel(0, p);
  multiply(read(tile.input), tile.head_rows(), layer.fan_in, weights, vectors, tile.z[0].panel(p), false);
  if (tile.own_directions()) {
    const int d = tile.dimension;
    multiply(read(tile.directions), tile.tangent_rows(), d, weights, vectors, tile.first_tangents(p), false);
  }
  const Rows<T> z = tile.pre_activations(0, p, packed.first_tangents);
  activate(activation, tile, vectors, z.head, z.head_step, layer.bias_panel(p), h, slopes);
  if (vectors == 2) return activate_others<T, 2>(tile.shape, tile.points, z, slopes, h);
  activate_others<T, 1>(tile.shape, tile.points, z, slopes, h);
}

// Panel p of another hidden layer's streams: the values first, then, their slopes being known, the others,
// which go through the activation on their way out of the product. `values` are the value rows of the layer
// below.
template <typename T>
void forward_hidden(const Tile<T>& tile, const Packed<T>& packed, Activation activation, int l, int p) {
  const PackedLayer<T>& layer = packed.layers[l];
  const int vectors = layer.vectors(p);
  T *h = tile.h[l].panel(p), *slopes = tile.slopes_panel(l, p);
  multiply(tile.shape.count() == 1 ? read(tile.h[l - 1]) : read(tile.below), tile.points, layer.fan_in,
           layer.forward_panel(p), vectors, tile.scratch, false);
  activate(activation, tile, vectors, tile.scratch, kPanel<T>, layer.bias_panel(p), h, slopes);
  T* z = tile.keeps_z() ? tile.z[l].panel(p) : nullptr;
  const StreamProduct<T> product{read(tile.h[l - 1]), layer.fan_in, layer.forward_panel(p), slopes, h, z};
  multiply_streams(tile.shape, tile.points, product, vectors);
}

// Panel p of the streams that leave hidden layer l; `enter_layer` goes before the first panel.
template <typename T>
void forward_panel(const Tile<T>& tile, const Packed<T>& packed, const Architecture& network, int l, int p) {
  if (l == 0) return forward_first(tile, packed, network.activations[0], p);
  forward_hidden(tile, packed, network.activations[l], l, p);
}

// Brings together the value rows that enter hidden layer l.
template <typename T>
void enter_layer(const Tile<T>& tile, const Packed<T>& packed, int l) {
  if (l > 0 && tile.shape.count() > 1)
    gather_values(tile, read(tile.h[l - 1]), packed.layers[l].fan_in, tile.below);
}

// Streams through all hidden layers.
template <typename T>
void sweep_forward(const Tile<T>& tile, const Packed<T>& packed, const Architecture& network) {
  for (int l = 0; l < packed.hidden(); ++l) {
    enter_layer(tile, packed, l);
    for (int p = 0; p < packed.layers[l].panels(); ++p) forward_panel(tile, packed, network, l, p);
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
