// Matrix instructions of a warp: D += A B, with the operands spread over its lanes as the hardware wants them
// (PTX ISA, mma.sync.aligned). With g = lane / 4 and t = lane % 4 a lane holds
//
//   16 x 8 sums       d[0], d[1]  (g, 2t), (g, 2t + 1)     d[2], d[3]  (g + 8, 2t), (g + 8, 2t + 1)
//   depth 8, tf32     a[0..3]  (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4)     b[0..1]  (t, g), (t + 4, g)
//   depth 8, double   the same
//   depth 16, bf16    the same in pairs of neighbours in depth, the lower one in the lower half:
//                     a[0..3]  (g, 2t..), (g + 8, 2t..), (g, 2t + 8..), (g + 8, 2t + 8..)     b[0..1]
//                     likewise
#pragma once

#include <cstdint>

#include "cuda/device.cuh"

namespace transjet::cuda {

#if defined(__CUDACC__)

TRANSJET_DEVICE std::uint32_t float_bits(float x) { return __float_as_uint(x); }
TRANSJET_DEVICE float bits_float(std::uint32_t x) { return __uint_as_float(x); }

// Rounds to 10 bits of fraction, ties away from zero.
TRANSJET_DEVICE std::uint32_t to_tf32(float x) {
  std::uint32_t y;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
  return y;
}

// Two numbers to bfloat16, ties to even.
TRANSJET_DEVICE std::uint32_t to_bf16x2(float low, float high) {
  std::uint32_t y;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
  return y;
}

TRANSJET_DEVICE void mma_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

TRANSJET_DEVICE void mma_bf16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Since Hopper one instruction; before, four of half the rows and half the depth.
TRANSJET_DEVICE void mma_f64(double (&d)[4], const double (&a)[4], const double (&b)[2]) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f64.f64.f64.f64 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+d"(d[0]), "+d"(d[1]), "+d"(d[2]), "+d"(d[3])
      : "d"(a[0]), "d"(a[1]), "d"(a[2]), "d"(a[3]), "d"(b[0]), "d"(b[1]));
#else
  TRANSJET_UNROLL
  for (int i = 0; i < 4; ++i) {
    const int half = i % 2;
    asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0,%1}, {%2}, {%3}, {%0,%1};"
                 : "+d"(d[2 * half]), "+d"(d[2 * half + 1])
                 : "d"(a[i]), "d"(b[i / 2]));
  }
#endif
}

#else
}  // namespace transjet::cuda
#include "cuda/mma_emulated.h"
namespace transjet::cuda {
#endif

}  // namespace transjet::cuda
