// Elementary functions of vectors, as far as the activations need them.
//
// The coefficients are our own minimax fits: Lawson's iteration in 60 digits on 120 to 160 Chebyshev nodes,
// for the relative error of the function. Those of polynomials were rounded one by one, the rest fitted again
// each time. Beside each set stand its range and its error before the roundings of the arithmetic. NaN comes
// out where NaN goes in, and no lane depends on another.
#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/simd.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace transjet::cpu::TRANSJET_ISA {

template <typename T>
struct BitTypes;

template <>
struct BitTypes<float> {
  typedef std::uint32_t Vec __attribute__((vector_size(kVectorBytes)));
};

template <>
struct BitTypes<double> {
  typedef std::uint64_t Vec __attribute__((vector_size(kVectorBytes)));
};

// The bits of Vec<T>: unsigned, so that shifts and sums are defined whatever NaN leaves there.
template <typename T>
using Bits = typename BitTypes<T>::Vec;

template <typename T>
struct MathConstants;

template <>
struct MathConstants<float> {
  static constexpr int kSignificand = 23, kSignBit = 31, kBias = 127;
  // Adding it rounds to an integer and leaves that in the low bits: nothing here converts floats to integers.
  static constexpr float kRound = 0x1.8p23f;
  // tanh(x / 2) = x (1 + y N(y)) / (1 + y D(y)) / 2, y = x^2, on [0, 10.5], for the error of tanh x: 1.3e-8.
  // At the end that is 2^-25 / 3 away from 1, so that the result is exactly 1.
  static constexpr float kTanhEnd = 9.9f;
  static constexpr float kTanhN[] = {0.0296930344f, 1.12482185e-4f};
  static constexpr float kTanhD[] = {0.113026321f, 0.00119805776f, 1.19099213e-6f};
  // Where e^-x needs 2^-kBias, whose bits are those of 0. And 2^r, r in [-0.5, 0.5]: 3.0e-9.
  static constexpr float kExpEnd = 88.03f;
  static constexpr float kExp2[] = {1.0f,           0.693147182f,   0.240226477f,   0.0555035956f,
                                    0.00961850118f, 0.00133909809f, 0.000153285233f};
  // atanh(w) = w (1 + v p(v)), v = w^2, w in [0, 1/3]: 4.5e-9.
  static constexpr float kAtanh[] = {0.333332092f, 0.200107172f, 0.140015483f, 0.140031844f};
  // sin r = r (1 + y p(y)) and cos r = 1 + y q(y), y = r^2, |r| up to pi/4: 4.0e-9 and 1.2e-10.
  static constexpr float kSin[] = {-0.166666552f, 0.00833218731f, -0.000195178887f};
  static constexpr float kCos[] = {-0.5f, 0.0416666456f, -0.00138873095f, 2.44323273e-5f};
  // pi/2 in parts of 12, 12 and 24 bits: their products with integers below 2^12 are exact.
  static constexpr float kHalfPi[] = {0x1.92p0f, 0x1.fb4p-12f, 0x1.4442d2p-24f};
  static constexpr float kSinEnd = 6000;
};

template <>
struct MathConstants<double> {
  static constexpr int kSignificand = 52, kSignBit = 63, kBias = 1023;
  static constexpr double kRound = 0x1.8p52;
  // On [0, 20]: 2.1e-18.
  static constexpr double kTanhEnd = 20;
  static constexpr double kTanhN[] = {0.0364791453453722253,   3.19418631545904368e-4,
                                      9.81350746649236507e-7,  1.12411296796839284e-9,
                                      4.03583307547358123e-13, 2.02906906696831178e-17};
  static constexpr double kTanhD[] = {0.119812478678705544,    1.97045852143805932e-3,
                                      1.00028734645612635e-5,  1.88677208411962894e-8,
                                      1.26113390776953872e-11, 2.06196556104539654e-15};
  // 4.1e-18.
  static constexpr double kExpEnd = 709.09;
  static constexpr double kExp2[] = {1.0000000000000000e+0, 6.9314718055994529e-1, 2.4022650695910111e-1,
                                     5.5504108664821757e-2, 9.6181291076006155e-3, 1.3333558146534561e-3,
                                     1.5403530450171679e-4, 1.5252733647049281e-5, 1.3215438311274474e-6,
                                     1.0178154152992705e-7, 7.0733177325990145e-9, 4.4397939166591872e-10};
  // 1.3e-18.
  static constexpr double kAtanh[] = {3.3333333333333154e-1, 2.0000000000077875e-1, 1.4285714274028832e-1,
                                      1.1111111978185723e-1, 9.0908722054722821e-2, 7.6932746947423733e-2,
                                      6.6505564506551346e-2, 6.0524917108335949e-2, 4.1724511159108725e-2,
                                      8.5048686513162469e-2};
  // 3.8e-18 and 5.8e-20.
  static constexpr double kSin[] = {-1.6666666666666630e-1, 8.3333333333218684e-3,  -1.9841269829398082e-4,
                                    2.7557313556816968e-6,  -2.5050737816590146e-8, 1.5895658272977985e-10};
  static constexpr double kCos[] = {-5.0000000000000000e-1, 4.1666666666666595e-2,  -1.3888888888873292e-3,
                                    2.4801587288949296e-5,  -2.7557314197099319e-7, 2.0875702180381234e-9,
                                    -1.1358561165991844e-11};
  // 33, 33 and 53 bits, for integers below 2^20.
  static constexpr double kHalfPi[] = {0x1.921fb544p0, 0x1.0b4611a6p-34, 0x1.3198a2e037073p-69};
  static constexpr double kSinEnd = 1.6e6;
};

// min(x, bound) and max(x, bound), of which NaN stays NaN. AVX-512 has one instruction for each, which the
// compiler does not find; for NaN it returns its second argument.
template <typename T>
TRANSJET_INLINE Vec<T> at_most(Vec<T> x, T bound) {
  const Vec<T> b = broadcast(bound);
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return Vec<T>(_mm512_maskz_min_ps(0xffff, __m512(b), __m512(x)));
  if constexpr (sizeof(T) == 8) return Vec<T>(_mm512_maskz_min_pd(0xff, __m512d(b), __m512d(x)));
#else
  return select<T>(b < x, b, x);
#endif
}

template <typename T>
TRANSJET_INLINE Vec<T> at_least(Vec<T> x, T bound) {
  const Vec<T> b = broadcast(bound);
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return Vec<T>(_mm512_maskz_max_ps(0xffff, __m512(b), __m512(x)));
  if constexpr (sizeof(T) == 8) return Vec<T>(_mm512_maskz_max_pd(0xff, __m512d(b), __m512d(x)));
#else
  return select<T>(b > x, b, x);
#endif
}

template <typename T>
TRANSJET_INLINE Bits<T> sign_bit(Vec<T> x) {
  return reinterpret_cast<Bits<T>>(x) & reinterpret_cast<Bits<T>>(broadcast(T(-0.0)));
}

// x with its sign flipped where the bit is set.
template <typename T>
TRANSJET_INLINE Vec<T> flip_sign(Vec<T> x, Bits<T> bit) {
  return reinterpret_cast<Vec<T>>(reinterpret_cast<Bits<T>>(x) ^ bit);
}

template <typename T>
TRANSJET_INLINE Vec<T> magnitude(Vec<T> x) {
  return flip_sign<T>(x, sign_bit<T>(x));
}

template <typename T, int N>
TRANSJET_INLINE Vec<T> horner(const T (&c)[N], Vec<T> x) {
  Vec<T> p = broadcast(c[N - 1]);
#pragma GCC unroll 16
  for (int i = N - 2; i >= 0; --i) p = p * x + c[i];
  return p;
}

// With N / D ~ tanh(x / 2), tanh x = 2 N D / (D^2 + N^2): half the range takes lower degrees, and the
// doubling forgives errors of the quotient where tanh is near 1. Written as m / (m + (D - N)^2) it never
// exceeds 1 and loses least.
template <typename T>
TRANSJET_INLINE Vec<T> tanh(Vec<T> x) {
  using C = MathConstants<T>;
  const Vec<T> a = at_most<T>(magnitude<T>(x), C::kTanhEnd);
  const Vec<T> y = a * a;
  const Vec<T> n = a + a * (y * horner(C::kTanhN, y));  // 2 N
  const Vec<T> d = y * horner(C::kTanhD, y);            // D - 1
  const Vec<T> m = n + n * d;
  const Vec<T> gap = (d - T(0.5) * n) + T(1);
  return flip_sign<T>(m / (m + gap * gap), sign_bit<T>(x));
}

// e^x where -kExpEnd <= x <= 0, exactly 0 at -kExpEnd; with a relative error of about |x| epsilon.
template <typename T>
TRANSJET_INLINE Vec<T> exp_down(Vec<T> x) {
  using C = MathConstants<T>;
  constexpr T kLog2E = T(1.4426950408889634), kMagic = C::kRound + C::kBias;
  const Vec<T> shifted = x * kLog2E + kMagic;
  const Vec<T> r = x * kLog2E - (shifted - kMagic);
  const Bits<T> power = reinterpret_cast<Bits<T>>(shifted) << C::kSignificand;
  return horner(C::kExp2, r) * reinterpret_cast<Vec<T>>(power);
}

// log(1 + e) where 0 <= e <= 1: twice atanh(e / (2 + e)).
template <typename T>
TRANSJET_INLINE Vec<T> log1p_up(Vec<T> e) {
  const Vec<T> w = e / (e + T(2));
  const Vec<T> v = w * w, twice = w + w;
  return twice + twice * (v * horner(MathConstants<T>::kAtanh, v));
}

template <typename T>
__attribute__((noinline, cold)) void sincos_far(const T* z, T* sine, T* cosine) {
  for (int i = 0; i < kLanes<T>; ++i) {
    if (!(z[i] > MathConstants<T>::kSinEnd || z[i] < -MathConstants<T>::kSinEnd)) continue;
    if constexpr (sizeof(T) == 4) {
      sine[i] = __builtin_sinf(z[i]);
      cosine[i] = __builtin_cosf(z[i]);
    } else {
      sine[i] = __builtin_sin(z[i]);
      cosine[i] = __builtin_cos(z[i]);
    }
  }
}

template <typename T>
TRANSJET_INLINE bool any(Int<T> mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi64_mask(__m512i(mask), __m512i(mask)) != 0;
#else
  std::uint64_t word[kVectorBytes / 8], all = 0;
  std::memcpy(word, &mask, sizeof mask);
  for (const std::uint64_t w : word) all |= w;
  return all != 0;
#endif
}

// The sine and the cosine of z; beyond kSinEnd, slowly, those of the C library.
template <typename T>
TRANSJET_INLINE void sincos(Vec<T> z, Vec<T>& sine, Vec<T>& cosine) {
  using C = MathConstants<T>;
  const Vec<T> shifted = z * T(0.63661977236758134) + C::kRound;
  const Vec<T> k = shifted - C::kRound;
  const Bits<T> quarter = reinterpret_cast<Bits<T>>(shifted);
  const Vec<T> r = ((z - k * C::kHalfPi[0]) - k * C::kHalfPi[1]) - k * C::kHalfPi[2];
  const Vec<T> y = r * r;
  const Vec<T> s = r * (y * horner(C::kSin, y) + T(1));
  const Vec<T> c = y * horner(C::kCos, y) + T(1);
  const Int<T> odd = (quarter & 1) != 0;
  sine = flip_sign<T>(select<T>(odd, c, s), (quarter >> 1) << C::kSignBit);
  cosine = flip_sign<T>(select<T>(odd, s, c), ((quarter + 1) >> 1) << C::kSignBit);
  if (__builtin_expect(any<T>(magnitude<T>(z) > C::kSinEnd), 0)) {
    T lanes[3][kLanes<T>];
    std::memcpy(lanes[0], &z, sizeof z);
    std::memcpy(lanes[1], &sine, sizeof z);
    std::memcpy(lanes[2], &cosine, sizeof z);
    sincos_far(lanes[0], lanes[1], lanes[2]);
    std::memcpy(&sine, lanes[1], sizeof z);
    std::memcpy(&cosine, lanes[2], sizeof z);
  }
}

}  // namespace transjet::cpu::TRANSJET_ISA
