// Networks, points and jets as every backend's kernels are given them. Row-major, no padding.
#pragma once

#include <cstddef>

#include "core/activation.h"

namespace transjet {

// Weights (fan_in, fan_out) and biases (fan_out) of each affine layer; T is const where they are only read.
template <typename T>
struct Parameters {
  T* const* weights;
  T* const* biases;
};

// A multilayer perceptron: `depth` affine layers, an activation after each but the last.
struct Architecture {
  int depth;
  const int* widths;              // depth + 1 of them: d + f, ..., outputs
  const Activation* activations;  // depth - 1
};

enum class Jet { kGradient, kLaplacian, kDivergence };

// Directions along which second derivatives or the divergence are taken: the coordinates, or `count` rows of
// d numbers for all points, or as many for each point.
enum class DirectionKind { kCoordinates, kShared, kPoint };

template <typename T>
struct Points {
  std::size_t count;
  int d, f;
  const T* x;     // (count, d)
  const T* tau;   // (count, f)
  const T* dtau;  // (count, f)
};

template <typename T>
struct Directions {
  DirectionKind kind;
  int count;
  const T* data;  // null for coordinates
};

// A jet of a network at points: what all its kernels have in common.
template <typename T>
struct JetProblem {
  Jet jet;
  Architecture network;
  Parameters<const T> parameters;
  Points<T> points;
  Directions<T> directions;
  bool frozen_first =
      false;  // the first layer's parameters are constants, not unknowns: it has no part in J J^T
};

// A jet's fields, (n) or (n, d) each:
//   kGradient    value, dt, grad
//   kLaplacian   value, dt, grad, second
//   kDivergence  value (n, d), second (the divergence)
template <typename T>
struct Fields {
  T* value;
  T* dt;
  T* grad;
  T* second;
};

}  // namespace transjet
