// The matrix instructions against plain products, and the ways of multiplying that are built on them.
#include <cmath>
#include <string>
#include <vector>

#include "cuda/policies.cuh"
#include "tests/check.h"
#include "tests/problems.h"

namespace transjet::testing {
namespace {

using namespace transjet::cuda;

// C (16, 8) += A (16, depth) B (depth, 8), the operands with any steps.
template <typename Policy>
TRANSJET_KERNEL void product_kernel(const typename Policy::Element* a, int row, int depth_a,
                                    const typename Policy::Element* b, int depth_b, int column,
                                    typename Policy::Element* c, int depth) {
  typename Policy::Sum sum;
  clear(sum);
  for (int k = 0; k < depth; k += Policy::kDepth) {
    Policy::multiply(sum, Policy::load_a(a + k * depth_a, row, depth_a),
                     Policy::load_b(b + k * depth_b, depth_b, column));
  }
  visit_sums(sum, [&](int i, int j, auto& value) { c[i * kTileColumns + j] += value; });
}

struct Operands {
  Numbers a, b;  // (16, depth), (depth, 8)
};

Numbers product(const Operands& operands, std::size_t depth) {
  Numbers c(16 * 8);
  for (std::size_t i = 0; i < 16; ++i) {
    for (std::size_t j = 0; j < 8; ++j) {
      for (std::size_t k = 0; k < depth; ++k)
        c[i * 8 + j] += operands.a[i * depth + k] * operands.b[k * 8 + j];
    }
  }
  return c;
}

Numbers transposed(const Numbers& m, std::size_t rows) {
  const std::size_t columns = m.size() / rows;
  Numbers t(m.size());
  for (std::size_t i = 0; i < m.size(); ++i) t[i % columns * rows + i / columns] = m[i];
  return t;
}

template <typename T>
std::vector<T> as(const Numbers& numbers) {
  return std::vector<T>(numbers.begin(), numbers.end());
}

// With A and B each as they are or transposed in memory.
template <typename Policy>
Numbers run(const Operands& operands, std::size_t depth, bool flip_a, bool flip_b) {
  using T = typename Policy::Element;
  const auto a = as<T>(flip_a ? transposed(operands.a, 16) : operands.a);
  const auto b = as<T>(flip_b ? transposed(operands.b, depth) : operands.b);
  std::vector<T> c(16 * 8);
  const int n = static_cast<int>(depth);
  launch(product_kernel<Policy>, 1, 32, 0, Stream{}, a.data(), flip_a ? 1 : n, flip_a ? 16 : 1, b.data(),
         flip_b ? 1 : 8, flip_b ? n : 1, c.data(), n);
  return {c.begin(), c.end()};
}

template <typename Policy>
void integers_are_exact() {
  Random random(1);
  for (const std::size_t depth : {std::size_t{16}, std::size_t{48}}) {
    Operands operands{Numbers(16 * depth), Numbers(depth * 8)};
    for (double& x : operands.a) x = static_cast<double>(random.next() % 31) - 15;
    for (double& x : operands.b) x = static_cast<double>(random.next() % 31) - 15;
    for (const bool flip_a : {false, true}) {
      for (const bool flip_b : {false, true}) {
        TRANSJET_CHECK(run<Policy>(operands, depth, flip_a, flip_b) == product(operands, depth));
      }
    }
  }
}

// In units of float's epsilon (double's with Dmma), relative to the largest sum; and no better than `least`,
// so that the test sees the kind of arithmetic.
template <typename Policy>
void errors_are_small(double least, double most) {
  Random random(2);
  const std::size_t depth = 128;
  const Operands operands{random.numbers(16 * depth, 1), random.numbers(depth * 8, 1)};
  const Numbers c = run<Policy>(operands, depth, false, false), expected = product(operands, depth);
  double error = 0, scale = 0;
  for (std::size_t i = 0; i < c.size(); ++i) {
    error = std::fmax(error, std::fabs(c[i] - expected[i]));
    scale = std::fmax(scale, std::fabs(expected[i]));
  }
  error /= scale * static_cast<double>(std::numeric_limits<typename Policy::Element>::epsilon());
  check(error >= least && error <= most, ("error of a product: " + std::to_string(error)).c_str(), __FILE__,
        __LINE__);
}

template <typename Policy>
void nan_stays_in_its_row() {
  using T = typename Policy::Element;
  Operands operands{Numbers(16 * 16, 1), Numbers(16 * 8, 1)};
  operands.a[5 * 16 + 11] = std::numeric_limits<T>::quiet_NaN();
  const Numbers c = run<Policy>(operands, 16, false, false);
  for (std::size_t i = 0; i < c.size(); ++i) TRANSJET_CHECK(i / 8 == 5 ? std::isnan(c[i]) : c[i] == 16);
}

void operands_are_rounded() {
  const auto tf32 = [](float x) { return bits_float(to_tf32(x)); };
  TRANSJET_CHECK(tf32(1 + 0x1p-10F) == 1 + 0x1p-10F);
  TRANSJET_CHECK(tf32(1 + 0x1p-11F) == 1 + 0x1p-10F);  // ties go away from zero
  TRANSJET_CHECK(tf32(-1 - 0x1p-11F) == -1 - 0x1p-10F);
  TRANSJET_CHECK(tf32(1 + 0x1.ffp-12F) == 1);
  TRANSJET_CHECK(tf32(0x1.fffffep5F) == 0x1p6F);
  TRANSJET_CHECK(std::isnan(tf32(std::nanf(""))) && std::isinf(tf32(HUGE_VALF)) && tf32(0) == 0);
  const auto bf16 = [](float x) {
    const std::uint32_t both = to_bf16x2(x, 2 * x);
    TRANSJET_CHECK(std::isnan(x) || bits_float(both & 0xffff0000) == 2 * bits_float(both << 16));
    return bits_float(both << 16);
  };
  TRANSJET_CHECK(bf16(1 + 0x1p-7F) == 1 + 0x1p-7F);
  TRANSJET_CHECK(bf16(1 + 0x1p-8F) == 1);  // ties go to even
  TRANSJET_CHECK(bf16(1 + 0x1.8p-7F) == 1 + 0x1p-6F);
  TRANSJET_CHECK(std::isnan(bf16(std::nanf(""))) && bf16(-3) == -3);
}

// d (0, 0) + a (0, 0) b (0, 0) of single numbers.
TRANSJET_KERNEL void one_product_kernel(float start, float a, float b, float* result) {
  float d[4] = {start, 0, 0, 0};
  const std::uint32_t left[4] = {lane_index() == 0 ? float_bits(a) : 0, 0, 0, 0};
  const std::uint32_t right[2] = {lane_index() == 0 ? float_bits(b) : 0, 0};
  mma_tf32(d, left, right);
  if (lane_index() == 0) *result = d[0];
}

float one_product(float start, float a, float b) {
  float result = 0;
  launch(one_product_kernel, 1, 32, 0, Stream{}, start, a, b, &result);
  return result;
}

void instructions_cut_off() {
  TRANSJET_CHECK(one_product(0, 0x1.fffffep0F, 3) == 3 * 0x1.ffcp0F);  // the operand's 13 low bits
  TRANSJET_CHECK(one_product(1, 0x1.8p-12F, 0x1p-12F) == 1);           // and what a sum has beyond float
  TRANSJET_CHECK(one_product(1, 0x1.8p-12F, 0x1p-11F) == 1 + 0x1p-23F);
  TRANSJET_CHECK(one_product(1, -0x1p-12F, 0x1p-13F) == 1 - 0x1p-24F);
}

}  // namespace
}  // namespace transjet::testing

int main() {
  using namespace transjet::testing;
  integers_are_exact<Tf32x3>();
  integers_are_exact<Bf16x3>();
  integers_are_exact<Simt<float>>();
  integers_are_exact<Simt<double>>();
  integers_are_exact<Dmma>();
  errors_are_small<Tf32x3>(0.1, 8);
  errors_are_small<Bf16x3>(16, 256);
  errors_are_small<Simt<float>>(0.1, 8);
  errors_are_small<Simt<double>>(0, 8);
  errors_are_small<Dmma>(0, 8);
  nan_stays_in_its_row<Tf32x3>();
  nan_stays_in_its_row<Bf16x3>();
  nan_stays_in_its_row<Simt<float>>();
  nan_stays_in_its_row<Dmma>();
  operands_are_rounded();
  instructions_cut_off();
  return result();
}
