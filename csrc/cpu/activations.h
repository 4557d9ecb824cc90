// The activations with their first three derivatives, from shared subexpressions: what a caller does not use,
// the compiler drops. The formulas are those of ops/activations.py.
//
// At infinities the limits come out (where JAX has 0 * inf it returns NaN); the sine and its derivatives are
// NaN there. NaN yields NaN, but for the derivatives of the identity.
#pragma once

#include "core/activation.h"
#include "cpu/math.h"
#include "cpu/simd.h"

namespace transjet::cpu::TRANSJET_ISA {

template <typename T>
struct Derivatives {
  Vec<T> f, f1, f2, f3;
};

// s(w) = 1 / (1 + e^-w) for |w| <= kExpEnd, with small relative errors of s and of 1 - s; s is 0 at -kExpEnd.
template <typename T>
struct Logistic {
  Vec<T> s, slope, skew;  // s, s' = s (1 - s), 1 - 2 s
  Vec<T> e;               // e^-|w|
};

template <typename T>
TRANSJET_INLINE Logistic<T> logistic(Vec<T> w) {
  const Vec<T> e = exp_down<T>(-magnitude<T>(w));
  const Vec<T> large = T(1) / (e + T(1)), small = e * large;
  const Int<T> negative = w < T(0);
  const Vec<T> s = select<T>(negative, small, large), rest = select<T>(negative, large, small);
  return {s, small * large, rest - s, e};
}

template <typename T>
TRANSJET_INLINE Derivatives<T> tanh_derivatives(Vec<T> z) {
  const Vec<T> h = tanh<T>(z);
  const Vec<T> square = h * h, slope = T(1) - square;
  return {h, slope, (h + h) * (square - T(1)), slope * (T(6) * square - T(2))};
}

template <typename T>
TRANSJET_INLINE Derivatives<T> sin_derivatives(Vec<T> z) {
  Vec<T> sine, cosine;
  sincos<T>(z, sine, cosine);
  return {sine, cosine, -sine, -cosine};
}

// z s(w) with s(w) = (1 + tanh(w / 2)) / 2 and w = a z + b z^3.
template <typename T>
TRANSJET_INLINE Derivatives<T> gelu_derivatives(Vec<T> z) {
  constexpr T kA = T(1.5957691216057308);                        // sqrt(8 / pi)
  constexpr T kB = T(0.071354816272600248);                      // 0.044715 a
  constexpr T kEnd = sizeof(T) == 4 ? T(10.0311) : T(21.15268);  // there w is kExpEnd
  const Vec<T> above = at_least<T>(z, -kEnd);                    // s is 0 below
  const Vec<T> x = at_most<T>(above, kEnd);                      // g, the derivatives of s(w), are 0 above
  const Vec<T> y = x * x;
  const Vec<T> w1 = T(3) * kB * y + kA;  // w'; w'' = 6 b z
  const Logistic<T> l = logistic<T>(x * (kB * y + kA));
  const Vec<T> p = x * w1, tilt = p * l.skew;
  const Vec<T> bend = (T(1) - T(6) * l.slope) * p + T(3) * l.skew;
  return {above * l.s, l.slope * p + l.s, l.slope * (tilt * w1 + (T(12) * kB * y + T(2) * kA)),
          l.slope * (w1 * w1 * bend + T(6) * kB * x * (T(3) * tilt + T(4)))};
}

template <typename T>
TRANSJET_INLINE Derivatives<T> silu_derivatives(Vec<T> z) {
  constexpr T kEnd = MathConstants<T>::kExpEnd;
  const Vec<T> above = at_least<T>(z, -kEnd), x = at_most<T>(above, kEnd);
  const Logistic<T> l = logistic<T>(x);
  return {above * l.s, x * l.slope + l.s, l.slope * (x * l.skew + T(2)),
          l.slope * (x * (T(1) - T(6) * l.slope) + T(3) * l.skew)};
}

template <typename T>
TRANSJET_INLINE Derivatives<T> softplus_derivatives(Vec<T> z) {
  constexpr T kEnd = MathConstants<T>::kExpEnd;
  const Logistic<T> l = logistic<T>(at_most<T>(at_least<T>(z, -kEnd), kEnd));
  return {at_least<T>(z, T(0)) + log1p_up<T>(l.e), l.s, l.slope, l.slope * l.skew};
}

// f(z), f'(z), f''(z) and f'''(z) of an activation f, lane by lane.
template <Activation A, typename T>
TRANSJET_INLINE Derivatives<T> derivatives(Vec<T> z) {
  if constexpr (A == Activation::kTanh) return tanh_derivatives<T>(z);
  if constexpr (A == Activation::kSin) return sin_derivatives<T>(z);
  if constexpr (A == Activation::kGelu) return gelu_derivatives<T>(z);
  if constexpr (A == Activation::kSilu) return silu_derivatives<T>(z);
  if constexpr (A == Activation::kSoftplus) return softplus_derivatives<T>(z);
  if constexpr (A == Activation::kIdentity) return {z, broadcast(T(1)), Vec<T>{}, Vec<T>{}};
}

}  // namespace transjet::cpu::TRANSJET_ISA
