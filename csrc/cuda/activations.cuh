// The activations with their first three derivatives: the formulas of ops/activations.py and
// cpu/activations.h. What a caller does not use, the compiler drops.
//
// At infinities the limits come out; the sine and its derivatives are NaN there. NaN yields NaN, but for the
// derivatives of the identity.
#pragma once

#include <cmath>

#include "core/activation.h"
#include "cuda/device.cuh"

namespace transjet::cuda {

template <typename T>
struct Derivatives {
  T f, f1, f2, f3;
};

// NaN stays NaN, which fmin and fmax do not promise.
template <typename T>
TRANSJET_DEVICE T at_most(T x, T bound) {
  return x > bound ? bound : x;
}
template <typename T>
TRANSJET_DEVICE T at_least(T x, T bound) {
  return x < bound ? bound : x;
}

// s(w) = 1 / (1 + e^-w), with small relative errors of s and of 1 - s.
template <typename T>
struct Logistic {
  T s, slope, skew;  // s, s' = s (1 - s), 1 - 2 s
  T e;               // e^-|w|
};

template <typename T>
TRANSJET_DEVICE Logistic<T> logistic(T w) {
  const T e = std::exp(w < T(0) ? w : -w);
  const T large = T(1) / (e + T(1)), small = e * large;
  const bool negative = w < T(0);
  const T s = negative ? small : large, rest = negative ? large : small;
  return {s, small * large, rest - s, e};
}

template <typename T>
TRANSJET_DEVICE Derivatives<T> tanh_derivatives(T z) {
  const T h = std::tanh(z), square = h * h, slope = T(1) - square;
  return {h, slope, (h + h) * (square - T(1)), slope * (T(6) * square - T(2))};
}

template <typename T>
TRANSJET_DEVICE Derivatives<T> sin_derivatives(T z) {
  const T sine = std::sin(z), cosine = std::cos(z);
  return {sine, cosine, -sine, -cosine};
}

// z s(w) with s(w) = (1 + tanh(w / 2)) / 2 and w = a z + b z^3.
template <typename T>
TRANSJET_DEVICE Derivatives<T> gelu_derivatives(T z) {
  constexpr T kA = T(1.5957691216057308);              // sqrt(8 / pi)
  constexpr T kB = T(0.071354816272600248);            // 0.044715 a
  constexpr T kEnd = T(sizeof(T) == 4 ? 10.4 : 21.6);  // there s or 1 - s is no longer a normal number
  const T above = at_least(z, -kEnd), x = at_most(above, kEnd);
  const T y = x * x, w1 = T(3) * kB * y + kA;  // w'; w'' = 6 b z
  const Logistic<T> l = logistic(x * (kB * y + kA));
  const T p = x * w1, tilt = p * l.skew;
  const T bend = (T(1) - T(6) * l.slope) * p + T(3) * l.skew;
  return {above * l.s, l.slope * p + l.s, l.slope * (tilt * w1 + (T(12) * kB * y + T(2) * kA)),
          l.slope * (w1 * w1 * bend + T(6) * kB * x * (T(3) * tilt + T(4)))};
}

template <typename T>
TRANSJET_DEVICE Derivatives<T> silu_derivatives(T z) {
  constexpr T kEnd = T(sizeof(T) == 4 ? 88 : 709);
  const T above = at_least(z, -kEnd), x = at_most(above, kEnd);
  const Logistic<T> l = logistic(x);
  return {above * l.s, x * l.slope + l.s, l.slope * (x * l.skew + T(2)),
          l.slope * (x * (T(1) - T(6) * l.slope) + T(3) * l.skew)};
}

template <typename T>
TRANSJET_DEVICE Derivatives<T> softplus_derivatives(T z) {
  const Logistic<T> l = logistic(z);
  return {at_least(z, T(0)) + std::log1p(l.e), l.s, l.slope, l.slope * l.skew};
}

// f(z), f'(z), f''(z) and f'''(z) of an activation f.
template <typename T>
TRANSJET_DEVICE Derivatives<T> derivatives(Activation activation, T z) {
  switch (activation) {
    case Activation::kTanh:
      return tanh_derivatives(z);
    case Activation::kSin:
      return sin_derivatives(z);
    case Activation::kGelu:
      return gelu_derivatives(z);
    case Activation::kSilu:
      return silu_derivatives(z);
    case Activation::kSoftplus:
      return softplus_derivatives(z);
    case Activation::kIdentity:
      break;
  }
  return {z, T(1), T(0), T(0)};
}

}  // namespace transjet::cuda
