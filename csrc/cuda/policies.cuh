// Ways of multiplying matrices with a warp. They share one interface, and one layout of the sums:
//
//   Element                     of the matrices
//   kDepth                      what one step takes: A is 16 x kDepth, B is kDepth x 8
//   A, B, Sum                   what a lane holds of them
//   kPadA, kPadB                distances of rows, beyond a multiple of 32, at which the lanes of a warp read
//   A from
//                               [row][depth] and B from [depth][column] through different banks of shared
//                               memory
//   load_a(p, row, depth)       A from p[i * row + k * depth]
//   load_b(p, depth, column)    B from p[k * depth + j * column]
//   multiply(sum, a, b)         sum += A B
#pragma once

#include "cuda/mma.cuh"

namespace transjet::cuda {

inline constexpr int kTileRows = 16, kTileColumns = 8;

// A lane's four sums of a 16 x 8 tile.
template <typename T>
struct TileSum {
  T value[4];
};

template <typename T>
TRANSJET_DEVICE void clear(TileSum<T>& sum) {
  TRANSJET_UNROLL
  for (int i = 0; i < 4; ++i) sum.value[i] = T(0);
}

// Where sum i of this lane is: row and column within the tile. Sums 2 i and 2 i + 1 are neighbours in a row.
TRANSJET_DEVICE int sum_row(int lane, int i) { return lane / 4 + i / 2 * 8; }
TRANSJET_DEVICE int sum_column(int lane, int i) { return lane % 4 * 2 + i % 2; }

// Calls visit(row, column, value&) for this lane's sums.
template <typename T, typename Visit>
TRANSJET_DEVICE void visit_sums(TileSum<T>& sum, Visit&& visit) {
  const int lane = lane_index();
  TRANSJET_UNROLL
  for (int i = 0; i < 4; ++i) visit(sum_row(lane, i), sum_column(lane, i), sum.value[i]);
}

// float in three products of tensor cores: x = high + low with 10 + 10 bits of fraction, and low * low is
// below float's precision.
struct Tf32x3 {
  using Element = float;
  static constexpr int kDepth = 8, kPadA = 4, kPadB = 8;
  struct A {
    std::uint32_t high[4], low[4];
  };
  struct B {
    std::uint32_t high[2], low[2];
  };
  using Sum = TileSum<float>;

  static TRANSJET_DEVICE void split(float x, std::uint32_t& high, std::uint32_t& low) {
    high = to_tf32(x);
    low = to_tf32(x - bits_float(high & 0xffffe000U));
  }
  static TRANSJET_DEVICE A load_a(const float* p, int row, int depth) {
    const int g = lane_index() / 4, t = lane_index() % 4;
    A a;
    TRANSJET_UNROLL
    for (int i = 0; i < 4; ++i)
      split(p[(g + i % 2 * 8) * row + (t + i / 2 * 4) * depth], a.high[i], a.low[i]);
    return a;
  }
  static TRANSJET_DEVICE B load_b(const float* p, int depth, int column) {
    const int g = lane_index() / 4, t = lane_index() % 4;
    B b;
    TRANSJET_UNROLL
    for (int i = 0; i < 2; ++i) split(p[(t + i * 4) * depth + g * column], b.high[i], b.low[i]);
    return b;
  }
  // Tensor cores cut their sums off, which over many steps would cost float's last bits: the steps are added
  // up outside of them, where sums are rounded.
  static TRANSJET_DEVICE void multiply(Sum& sum, const A& a, const B& b) {
    float step[4] = {0, 0, 0, 0};
    mma_tf32(step, a.low, b.high);
    mma_tf32(step, a.high, b.low);
    mma_tf32(step, a.high, b.high);
    TRANSJET_UNROLL
    for (int i = 0; i < 4; ++i) sum.value[i] += step[i];
  }
};

// The same with bfloat16: 16 bits of precision at twice the speed.
struct Bf16x3 {
  using Element = float;
  static constexpr int kDepth = 16, kPadA = 8, kPadB = 4;
  struct A {
    std::uint32_t high[4], low[4];
  };
  struct B {
    std::uint32_t high[2], low[2];
  };
  using Sum = TileSum<float>;

  static TRANSJET_DEVICE void split(float x, float y, std::uint32_t& high, std::uint32_t& low) {
    high = to_bf16x2(x, y);
    low = to_bf16x2(x - bits_float(high << 16), y - bits_float(high & 0xffff0000U));
  }
  static TRANSJET_DEVICE A load_a(const float* p, int row, int depth) {
    const int g = lane_index() / 4, t = lane_index() % 4;
    A a;
    TRANSJET_UNROLL
    for (int i = 0; i < 4; ++i) {
      const float* from = p + (g + i % 2 * 8) * row + (2 * t + i / 2 * 8) * depth;
      split(from[0], from[depth], a.high[i], a.low[i]);
    }
    return a;
  }
  static TRANSJET_DEVICE B load_b(const float* p, int depth, int column) {
    const int g = lane_index() / 4, t = lane_index() % 4;
    B b;
    TRANSJET_UNROLL
    for (int i = 0; i < 2; ++i) {
      const float* from = p + (2 * t + i * 8) * depth + g * column;
      split(from[0], from[depth], b.high[i], b.low[i]);
    }
    return b;
  }
  static TRANSJET_DEVICE void multiply(Sum& sum, const A& a, const B& b) {
    mma_bf16(sum.value, a.low, b.high);
    mma_bf16(sum.value, a.high, b.low);
    mma_bf16(sum.value, a.high, b.high);
  }
};

// Multiply-adds of single threads, in IEEE arithmetic.
template <typename T>
struct Simt {
  using Element = T;
  static constexpr int kDepth = 4, kPadA = 4, kPadB = 4;
  struct A {
    T value[2][kDepth];
  };
  struct B {
    T value[kDepth][2];
  };
  using Sum = TileSum<T>;

  static TRANSJET_DEVICE A load_a(const T* p, int row, int depth) {
    const int g = lane_index() / 4;
    A a;
    TRANSJET_UNROLL
    for (int i = 0; i < 2; ++i) {
      TRANSJET_UNROLL
      for (int k = 0; k < kDepth; ++k) a.value[i][k] = p[(g + 8 * i) * row + k * depth];
    }
    return a;
  }
  static TRANSJET_DEVICE B load_b(const T* p, int depth, int column) {
    const int t = lane_index() % 4;
    B b;
    TRANSJET_UNROLL
    for (int k = 0; k < kDepth; ++k) {
      TRANSJET_UNROLL
      for (int j = 0; j < 2; ++j) b.value[k][j] = p[k * depth + (2 * t + j) * column];
    }
    return b;
  }
  static TRANSJET_DEVICE void multiply(Sum& sum, const A& a, const B& b) {
    TRANSJET_UNROLL
    for (int k = 0; k < kDepth; ++k) {
      TRANSJET_UNROLL
      for (int i = 0; i < 4; ++i) sum.value[i] += a.value[i / 2][k] * b.value[k][i % 2];
    }
  }
};

// double on tensor cores, which round as IEEE asks.
struct Dmma {
  using Element = double;
  static constexpr int kDepth = 8, kPadA = 4, kPadB = 4;
  struct A {
    double value[4];
  };
  struct B {
    double value[2];
  };
  using Sum = TileSum<double>;

  static TRANSJET_DEVICE A load_a(const double* p, int row, int depth) {
    const int g = lane_index() / 4, t = lane_index() % 4;
    A a;
    TRANSJET_UNROLL
    for (int i = 0; i < 4; ++i) a.value[i] = p[(g + i % 2 * 8) * row + (t + i / 2 * 4) * depth];
    return a;
  }
  static TRANSJET_DEVICE B load_b(const double* p, int depth, int column) {
    const int g = lane_index() / 4, t = lane_index() % 4;
    B b;
    TRANSJET_UNROLL
    for (int i = 0; i < 2; ++i) b.value[i] = p[(t + i * 4) * depth + g * column];
    return b;
  }
  static TRANSJET_DEVICE void multiply(Sum& sum, const A& a, const B& b) {
    mma_f64(sum.value, a.value, b.value);
  }
};

}  // namespace transjet::cuda
