// The activations of the CUDA kernels, and the rules by which streams go through them.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "cuda/streams.cuh"
#include "tests/check.h"
#include "tests/reference.h"

namespace transjet::testing {
namespace {

constexpr cuda::Shape kShapes[] = {{0, false, false}, {0, true, false}, {3, true, true},
                                   {2, false, false}, {1, false, true}, {4, true, false}};

template <typename T>
std::array<T, 4> numbers_of(const cuda::Derivatives<T>& at) {
  return {at.f, at.f1, at.f2, at.f3};
}

// In units of epsilon, relative to 1 + the exact number.
template <typename T>
void derivatives_are_accurate() {
  for (int a = 0; a < kActivations; ++a) {
    const auto activation = static_cast<Activation>(a);
    double worst = 0;
    for (int i = -400; i <= 400; ++i) {
      const T z = static_cast<T>(i) / T(67);
      const auto expected = testing::derivatives(activation, static_cast<Real>(z));
      const auto found = numbers_of(cuda::derivatives(activation, z));
      for (std::size_t k = 0; k < 4; ++k) {
        const Real error = std::fabs(found[k] - expected[k]) / (1 + std::fabs(expected[k]));
        worst = std::fmax(worst, static_cast<double>(error / std::numeric_limits<T>::epsilon()));
      }
    }
    check(worst > 0 || activation == Activation::kIdentity, "rounding errors", __FILE__, __LINE__);
    check(worst < 12, ("activation " + std::to_string(a) + ": error " + std::to_string(worst)).c_str(),
          __FILE__, __LINE__);
  }
}

// What comes out far from zero, and of NaN.
template <typename T>
void edges_are_limits() {
  const T infinity = std::numeric_limits<T>::infinity();
  const auto is = [](Activation activation, T z, std::array<T, 4> expected) {
    const auto found = numbers_of(cuda::derivatives(activation, z));
    for (std::size_t k = 0; k < 4; ++k)
      TRANSJET_CHECK(std::fabs(found[k] - expected[k]) < T(1e-30) || found[k] == expected[k]);
  };
  for (const T z : {T(1e3), T(1e30), infinity}) {
    is(Activation::kTanh, z, {1, 0, 0, 0});
    is(Activation::kTanh, -z, {-1, 0, 0, 0});
    for (const Activation ramp : {Activation::kGelu, Activation::kSilu, Activation::kSoftplus}) {
      is(ramp, z, {z, 1, 0, 0});
    }
    for (const Activation ramp : {Activation::kGelu, Activation::kSilu, Activation::kSoftplus}) {
      is(ramp, -z, {0, 0, 0, 0});
    }
    is(Activation::kIdentity, -z, {-z, 1, 0, 0});
  }
  for (int a = 0; a < kActivations; ++a) {
    const auto activation = static_cast<Activation>(a);
    const auto found = numbers_of(cuda::derivatives(activation, std::numeric_limits<T>::quiet_NaN()));
    TRANSJET_CHECK(std::isnan(found[0]));
    for (std::size_t k = 1; k < 4 && activation != Activation::kIdentity; ++k)
      TRANSJET_CHECK(std::isnan(found[k]));
  }
}

using Rows = std::vector<double>;

Rows random_rows(const cuda::Shape& shape, Random& random) {
  return random.numbers(static_cast<std::size_t>(shape.count()), 1);
}

cuda::Column<double> column(Rows& rows) { return {rows.data(), 1}; }
cuda::Column<const double> column(const Rows& rows) { return {rows.data(), 1}; }

Rows activated(const cuda::Shape& shape, Activation activation, const Rows& z) {
  Rows h(z.size(), std::nan(""));
  cuda::activate(shape, cuda::derivatives(activation, z[0]), column(z), column(h));
  return h;
}

void streams_follow_the_rules() {
  Random random(11);
  for (const cuda::Shape& shape : kShapes) {
    const Rows z = random_rows(shape, random), h = activated(shape, Activation::kSilu, z);
    const auto at = cuda::derivatives(Activation::kSilu, z[0]);
    double squares = 0;
    for (int s = 0; s < shape.count(); ++s) {
      const auto row = static_cast<std::size_t>(s);
      if (s >= shape.head()) squares += z[row] * z[row];
      if (s > 0 && !(shape.second && s == shape.second_row())) TRANSJET_CHECK(h[row] == at.f1 * z[row]);
    }
    TRANSJET_CHECK(h[0] == at.f);
    const auto second = static_cast<std::size_t>(shape.second_row());
    if (shape.second) TRANSJET_CHECK(h[second] == at.f1 * z[second] + at.f2 * squares);
  }
}

double inner(const Rows& a, const Rows& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void changes_are_derivatives_and_adjoints_their_transpose() {
  Random random(12);
  for (const cuda::Shape& shape : kShapes) {
    for (int a = 0; a < kActivations; ++a) {
      const auto activation = static_cast<Activation>(a);
      const Rows z = random_rows(shape, random), zdot = random_rows(shape, random),
                 g = random_rows(shape, random);
      const auto at = cuda::derivatives(activation, z[0]);
      Rows hdot(z.size(), std::nan("")), zbar(z.size(), std::nan(""));
      cuda::push_forward(shape, at, column(z), column(zdot), column(hdot));
      cuda::pull_back(shape, at, column(z), column(g), column(zbar));
      TRANSJET_CHECK(std::fabs(inner(g, hdot) - inner(zbar, zdot)) < 1e-14);
      Rows ahead = z, behind = z;
      constexpr double kStep = 1e-5;
      for (std::size_t i = 0; i < z.size(); ++i) {
        ahead[i] += kStep * zdot[i];
        behind[i] -= kStep * zdot[i];
      }
      const Rows above = activated(shape, activation, ahead), below = activated(shape, activation, behind);
      for (std::size_t i = 0; i < z.size(); ++i) {
        TRANSJET_CHECK(std::fabs((above[i] - below[i]) / (2 * kStep) - hdot[i]) < 1e-8);
      }
      // In place.
      Rows rows = zdot;
      cuda::push_forward(shape, at, column(z), column(rows), column(rows));
      TRANSJET_CHECK(rows == hdot);
      rows = g;
      cuda::pull_back(shape, at, column(z), column(rows), column(rows));
      TRANSJET_CHECK(rows == zbar);
      rows = z;
      cuda::pull_back(shape, at, column(rows), column(g), column(rows));
      TRANSJET_CHECK(rows == zbar);
      rows = z;
      cuda::activate(shape, at, column(rows), column(rows));
      TRANSJET_CHECK(rows == activated(shape, activation, z));
    }
  }
}

}  // namespace
}  // namespace transjet::testing

int main() {
  using namespace transjet::testing;
  derivatives_are_accurate<float>();
  derivatives_are_accurate<double>();
  edges_are_limits<float>();
  edges_are_limits<double>();
  streams_follow_the_rules();
  changes_are_derivatives_and_adjoints_their_transpose();
  return result();
}
