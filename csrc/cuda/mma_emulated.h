// The matrix instructions of mma.cuh without a GPU: they gather what the lanes of a warp hold, round operands
// as the hardware does, and scatter the sums.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "cuda/device.cuh"

namespace transjet::cuda {

inline std::uint32_t float_bits(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

inline float bits_float(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

inline std::uint32_t to_tf32(float x) {
  if (std::isnan(x)) return 0x7fffffff;
  if (std::isinf(x)) return float_bits(x);
  return (float_bits(x) + 0x1000) & 0xffffe000;
}

inline std::uint32_t to_bf16(float x) {
  if (std::isnan(x)) return 0x7fff;
  const std::uint32_t bits = float_bits(x);
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}

inline std::uint32_t to_bf16x2(float low, float high) { return to_bf16(low) | to_bf16(high) << 16; }

// Tensor cores cut off what a sum has beyond float.
inline float cut_to_float(double x) {
  const float y = static_cast<float>(x);
  return std::fabs(static_cast<double>(y)) > std::fabs(x) ? bits_float(float_bits(y) - 1) : y;
}

// The sum and its operands of one lane.
template <typename D, typename O>
struct MmaLane {
  D* d;
  const O *a, *b;
};

// Calls multiply(a, b, d, ...) once for a whole warp: a[row][k], b[k][column] are read through `a_at(lane
// operand, index)`.
template <typename D, typename O, int kDepth, typename Read, typename Cut>
void multiply_warp(const void* tag, D* d, const O* a, const O* b, Read&& read, Cut&& cut) {
  using Lane = MmaLane<D, O>;
  Emulator& emulator = Emulator::instance();
  emulator.slot<Lane>(emulator.lane()) = {d, a, b};
  emulator.meet_warp(tag, [&] {
    double left[16][kDepth], right[kDepth][8];
    constexpr int kPack = kDepth / 8;  // numbers in one operand
    for (unsigned lane = 0; lane < Emulator::kWarp; ++lane) {
      const Lane& own = emulator.slot<Lane>(lane);
      const unsigned g = lane / 4, t = lane % 4;
      for (unsigned i = 0; i < 4; ++i) {
        for (unsigned j = 0; j < kPack; ++j) {
          const unsigned k = kPack * t + j + (i / 2) * kPack * 4;
          left[g + 8 * (i % 2)][k] = read(own.a[i], j);
          if (i % 2 == 0) right[k][g] = read(own.b[i / 2], j);
        }
      }
    }
    double sums[16][8];
    const auto visit_sums = [&](auto&& visit) {
      for (unsigned lane = 0; lane < Emulator::kWarp; ++lane) {
        const Lane& own = emulator.slot<Lane>(lane);
        for (unsigned i = 0; i < 4; ++i)
          visit(own.d[i], sums[lane / 4 + 8 * (i / 2)][2 * (lane % 4) + i % 2]);
      }
    };
    visit_sums([](D own, double& sum) { sum = static_cast<double>(own); });
    for (unsigned row = 0; row < 16; ++row) {
      for (unsigned k = 0; k < kDepth; ++k) {
        for (unsigned column = 0; column < 8; ++column) sums[row][column] += left[row][k] * right[k][column];
      }
    }
    visit_sums([&](D& own, double sum) { own = cut(sum); });
  });
}

inline void mma_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  static const char tag = 0;
  const auto read = [](std::uint32_t x, unsigned) { return static_cast<double>(bits_float(x & 0xffffe000)); };
  multiply_warp<float, std::uint32_t, 8>(&tag, d, a, b, read, cut_to_float);
}

inline void mma_bf16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  static const char tag = 0;
  const auto read = [](std::uint32_t x, unsigned half) {
    return static_cast<double>(bits_float(half == 0 ? x << 16 : x & 0xffff0000));
  };
  multiply_warp<float, std::uint32_t, 16>(&tag, d, a, b, read, cut_to_float);
}

inline void mma_f64(double (&d)[4], const double (&a)[4], const double (&b)[2]) {
  static const char tag = 0;
  const auto read = [](double x, unsigned) { return x; };
  multiply_warp<double, double, 8>(&tag, d, a, b, read, [](double x) { return x; });
}

}  // namespace transjet::cuda
