// Networks as kernels are given them: by value, with all their pointers into the device's memory.
#pragma once

#include <cstddef>

#include "core/network.h"

namespace transjet::cuda {

inline constexpr int kMaxLayers = 16;  // affine layers

// As the caller lays it out: row-major, not padded.
template <typename T>
struct NetView {
  int depth;
  int widths[kMaxLayers + 1];
  Activation activations[kMaxLayers];
  const T* weights[kMaxLayers];
  const T* biases[kMaxLayers];
};

template <typename T>
NetView<T> view_of(const Architecture& network, const Parameters<const T>& parameters) {
  NetView<T> view{};
  view.depth = network.depth;
  for (int l = 0; l <= network.depth; ++l) view.widths[l] = network.widths[l];
  for (int l = 0; l + 1 < network.depth; ++l) view.activations[l] = network.activations[l];
  for (int l = 0; l < network.depth; ++l) {
    view.weights[l] = parameters.weights[l];
    view.biases[l] = parameters.biases[l];
  }
  return view;
}

// Zero-padded: pads[l] is the row length of what lies between layers l - 1 and l, a multiple of 16.
template <typename T>
struct PackedView {
  int depth;
  int widths[kMaxLayers + 1];
  int pads[kMaxLayers + 1];
  Activation activations[kMaxLayers];
  const T* forward[kMaxLayers];   // W_l: (pads[l], pads[l + 1])
  const T* backward[kMaxLayers];  // its transpose: (pads[l + 1], pads[l])
  const T* bias[kMaxLayers];      // (pads[l + 1])
  // Rows of tangents that are the same for all points: directions W_1, (count, pads[1]), and of a vector
  // network directions W_L^T, (count, pads[depth - 1]). Null where each point has its own.
  const T* first_tangents;
  const T* last_tangents;

  int hidden() const { return depth - 1; }
};

}  // namespace transjet::cuda
