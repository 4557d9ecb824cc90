// The activations and their derivatives: their errors against long double, their values at the edges, and
// that no lane depends on its neighbours. With any argument the program prints the errors that it finds.
#include "cpu/activations.h"

#include <cmath>
#include <cstring>

#include "tests/check.h"

namespace transjet {
namespace {

using cpu::TRANSJET_ISA::kLanes;
using cpu::TRANSJET_ISA::Vec;
using Reference = long double;
template <typename T>
using Limits = std::numeric_limits<T>;

bool verbose = false;

template <typename V>
struct Jet {
  V d[4];  // f, f', f'', f'''
};

// The closed forms, none of which cancels: s(-w) stands for 1 - s(w).
Jet<Reference> reference(Activation activation, Reference z) {
  const auto logistic = [](Reference w) { return 1 / (1 + std::exp(-w)); };
  const Reference s = logistic(z), slope = s * logistic(-z), skew = -std::tanh(z / 2), cubic = 1 - 6 * slope;
  switch (activation) {
    case Activation::kTanh: {
      const Reference h = std::tanh(z), h1 = 1 / (std::cosh(z) * std::cosh(z));
      return {{h, h1, -2 * h * h1, h1 * (6 * h * h - 2)}};
    }
    case Activation::kSin:
      return {{std::sin(z), std::cos(z), -std::sin(z), -std::cos(z)}};
    case Activation::kGelu: {  // z g(z), g = s(w), w = a (z + c z^3)
      const Reference a = std::sqrt(8 / std::acos(Reference(-1))), c = 0.044715L;
      const Reference w = a * (z + c * z * z * z), w1 = a * (1 + 3 * c * z * z), w2 = 6 * a * c * z,
                      w3 = 6 * a * c;
      const Reference g = logistic(w), s1 = g * logistic(-w), s2 = -s1 * std::tanh(w / 2),
                      s3 = s1 * (1 - 6 * s1);
      const Reference g1 = s1 * w1, g2 = s2 * w1 * w1 + s1 * w2;
      const Reference g3 = s3 * w1 * w1 * w1 + 3 * s2 * w1 * w2 + s1 * w3;
      return {{z * g, g + z * g1, 2 * g1 + z * g2, 3 * g2 + z * g3}};
    }
    case Activation::kSilu:
      return {{z * s, s + z * slope, slope * (2 + z * skew), slope * (3 * skew + z * cubic)}};
    case Activation::kSoftplus:
      return {{(z > 0 ? z : 0) + std::log1p(std::exp(-std::fabs(z))), s, slope, slope * skew}};
    case Activation::kIdentity:
      return {{z, 1, 0, 0}};
  }
  return {};
}

template <Activation A, typename T>
Jet<Vec<T>> evaluate(Vec<T> z) {
  const auto [f, f1, f2, f3] = cpu::TRANSJET_ISA::derivatives<A, T>(z);
  return {{f, f1, f2, f3}};
}

template <Activation A, typename T>
Jet<T> evaluate_one(T z) {
  const Jet<Vec<T>> y = evaluate<A, T>(cpu::TRANSJET_ISA::broadcast(z));
  return {{y.d[0][0], y.d[1][0], y.d[2][0], y.d[3][0]}};
}

// Arguments: dense where the functions bend, every scale of both signs, both sides of where ranges end.
template <typename T>
std::vector<T> arguments() {
  std::vector<T> z = {T(0), -T(0), Limits<T>::denorm_min(), Limits<T>::min(), Limits<T>::max()};
  for (int i = -60000; i <= 60000; ++i) z.push_back(T(i) / T(5003));
  for (double x = 1e-37; x < 1e31; x *= 1.01) z.push_back(T(x));
  for (const double end : {9.02, 9.9, 10.0311, 19.07, 20.0, 21.15268, 88.03, 709.09, 6000.0, 1.6e6}) {
    for (int i = -500; i <= 500; ++i) z.push_back(T(end * (1 + 1e-5 * i)));
  }
  for (int i = 0; i < 20000; ++i) z.push_back(T(std::exp(i / 1400.0)));  // up to 1.6e6
  const std::size_t half = z.size();
  for (std::size_t i = 0; i < half; ++i) z.push_back(-z[i]);
  while (z.size() % kLanes<T> != 0) z.push_back(T(0.5));
  return z;
}

// Bounds of errors in units of epsilon: of the four outputs, relative to max(1, |value|), and of f alone
// relative to its value, over from <= z <= 1/2. They are 1.2 to 1.5 times the largest errors that we measured
// on SSE2, AVX2 and AVX-512, with and without contraction, which float and double share. The derivatives of
// tanh lose a factor of two each near |z| = 5 to the cancellation in 1 - tanh^2; the relative errors of tails
// are those of e^z without FMA.
struct Bounds {
  double absolute[4], relative, from;
};

template <Activation A, typename T>
void is_accurate(const char* name, const Bounds& bounds) {
  const std::vector<T> z = arguments<T>();
  double worst[5] = {};
  Reference where[5] = {};
  bool bounded = true;
  for (std::size_t i = 0; i < z.size(); i += kLanes<T>) {
    Vec<T> v;
    std::memcpy(&v, z.data() + i, sizeof v);
    const Jet<Vec<T>> y = evaluate<A, T>(v);
    for (int lane = 0; lane < kLanes<T>; ++lane) {
      const Reference x = v[lane];
      const Jet<Reference> exact = reference(A, x);
      for (int k = 0; k < 5; ++k) {
        if (k == 4 && (x < bounds.from || x > 0.5L || std::fabs(exact.d[0]) < Limits<T>::min())) continue;
        const Reference value = exact.d[k % 4],
                        scale = k == 4 ? std::fabs(value) : std::fmax(1, std::fabs(value));
        const Reference error = std::fabs(y.d[k % 4][lane] - value) / scale / Limits<T>::epsilon();
        if (error <= worst[k]) continue;
        worst[k] = std::isnan(error) ? Limits<double>::infinity() : static_cast<double>(error);
        where[k] = x;
      }
      if (A == Activation::kTanh) bounded = bounded && std::fabs(y.d[0][lane]) <= 1 && y.d[1][lane] >= 0;
    }
  }
  TRANSJET_CHECK(bounded);
  for (int k = 0; k < 5; ++k) {
    const double bound = k == 4 ? bounds.relative : bounds.absolute[k];
    char text[200];
    std::snprintf(text, sizeof text, "%s of %s, %s %d: error %.3g epsilon at %g, bound %g", name,
                  sizeof(T) == 4 ? "float" : "double", k == 4 ? "relative to f" : "derivative", k % 4,
                  worst[k], static_cast<double>(where[k]), bound);
    if (verbose) std::printf("%s\n", text);
    testing::check(worst[k] <= bound, text, __FILE__, __LINE__);
  }
}

template <typename T>
bool same(T x, T y) {
  return std::isnan(x) ? std::isnan(y) : x == y && std::signbit(x) == std::signbit(y);
}

// At infinities and NaN; NaN among the expected stands for itself.
template <Activation A, typename T>
void has_limits(const Jet<T>& below, const Jet<T>& above) {
  const T infinity = Limits<T>::infinity(), nan = Limits<T>::quiet_NaN();
  const Jet<T> y[] = {evaluate_one<A>(-infinity), evaluate_one<A>(infinity), evaluate_one<A>(nan)};
  for (int k = 0; k < 4; ++k) {
    TRANSJET_CHECK(same(y[0].d[k] + T(0), below.d[k]));  // + 0: -0 passes for 0
    TRANSJET_CHECK(same(y[1].d[k] + T(0), above.d[k]));
    TRANSJET_CHECK(std::isnan(y[2].d[k]) == (A != Activation::kIdentity || k == 0));
  }
  if (A == Activation::kTanh || A == Activation::kSin ||
      A == Activation::kIdentity) {  // those of which f'(0) is 1
    for (const T x : {T(0), -T(0), Limits<T>::denorm_min(), -Limits<T>::denorm_min()}) {
      TRANSJET_CHECK(same(evaluate_one<A>(x).d[0], x));
    }
  }
}

template <Activation A, typename T>
void keeps_lanes_apart() {
  const T special[] = {
      Limits<T>::quiet_NaN(), Limits<T>::infinity(), -Limits<T>::infinity(), T(1e30), T(-7e6), T(0)};
  for (const T x : special) {
    for (int i = 0; i < kLanes<T>; ++i) {
      Vec<T> z;
      for (int lane = 0; lane < kLanes<T>; ++lane) z[lane] = lane == i ? x : T(0.37) * T(lane) - T(1.5);
      const Jet<Vec<T>> y = evaluate<A, T>(z);
      for (int lane = 0; lane < kLanes<T>; ++lane) {
        const Jet<T> alone = evaluate_one<A, T>(z[lane]);
        for (int k = 0; k < 4; ++k) TRANSJET_CHECK(same<T>(y.d[k][lane], alone.d[k]));
      }
    }
  }
}

template <Activation A>
void all(const char* name, const Bounds& bounds, const Jet<double>& below, const Jet<double>& above) {
  const auto narrow = [](const Jet<double>& y) {
    return Jet<float>{{float(y.d[0]), float(y.d[1]), float(y.d[2]), float(y.d[3])}};
  };
  is_accurate<A, float>(name, bounds);
  is_accurate<A, double>(name, bounds);
  has_limits<A, float>(narrow(below), narrow(above));
  has_limits<A, double>(below, above);
  keeps_lanes_apart<A, float>();
  keeps_lanes_apart<A, double>();
}

}  // namespace
}  // namespace transjet

int main(int count, char**) {
  using transjet::Activation;
  transjet::verbose = count > 1;
  constexpr double kInf = transjet::Limits<double>::infinity(), kNan = transjet::Limits<double>::quiet_NaN();
  transjet::all<Activation::kTanh>("tanh", {{1.25, 2.5, 5, 10}, 2.5, 0}, {{-1, 0, 0, 0}}, {{1, 0, 0, 0}});
  transjet::all<Activation::kSin>("sin", {{0.9, 0.9, 0.9, 0.9}, 1, 0}, {{kNan, kNan, kNan, kNan}},
                                  {{kNan, kNan, kNan, kNan}});
  transjet::all<Activation::kGelu>("gelu", {{1.6, 2.2, 2.5, 6}, 18, -4}, {{0, 0, 0, 0}}, {{kInf, 1, 0, 0}});
  transjet::all<Activation::kSilu>("silu", {{1.7, 2, 1.4, 1.9}, 11, -20}, {{0, 0, 0, 0}}, {{kInf, 1, 0, 0}});
  transjet::all<Activation::kSoftplus>("softplus", {{1.3, 1, 0.6, 0.36}, 11, -20}, {{0, 0, 0, 0}},
                                       {{kInf, 1, 0, 0}});
  transjet::all<Activation::kIdentity>("identity", {{0, 0, 0, 0}, 0, 0}, {{-kInf, 1, 0, 0}},
                                       {{kInf, 1, 0, 0}});
  return transjet::testing::result();
}
