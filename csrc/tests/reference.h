// The jets of a network, plainly and slowly in long double: one point and one straight line through it at a
// time, along which the network is a function of one variable. With Dual for the numbers, derivatives along a
// change of the parameters come out exactly as well.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "tests/problems.h"

namespace transjet::testing {

using Real = long double;

// value + slope * e, where e * e = 0.
struct Dual {
  Dual(Real v = 0, Real s = 0) : value(v), slope(s) {}
  Real value, slope;
};

inline Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.slope + b.slope}; }
inline Dual operator*(Dual a, Dual b) { return {a.value * b.value, a.value * b.slope + a.slope * b.value}; }

// f, f', f'', f''' of an activation.
inline std::array<Real, 4> derivatives(Activation activation, Real z) {
  const auto logistic = [](Real w) -> std::array<Real, 4> {
    const Real s = 1 / (1 + std::exp(-w)), s1 = s * (1 - s);
    return {s, s1, s1 * (1 - 2 * s), s1 * (1 - 6 * s1)};
  };
  const auto times_z = [z](Real g, Real g1, Real g2, Real g3) -> std::array<Real, 4> {
    return {z * g, g + z * g1, 2 * g1 + z * g2, 3 * g2 + z * g3};
  };
  switch (activation) {
    case Activation::kTanh: {
      const Real h = std::tanh(z), h1 = 1 - h * h;
      return {h, h1, -2 * h * h1, h1 * (6 * h * h - 2)};
    }
    case Activation::kSin:
      return {std::sin(z), std::cos(z), -std::sin(z), -std::cos(z)};
    case Activation::kGelu: {  // z s(w), the approximation by tanh
      const Real a = std::sqrt(8 / std::acos(Real(-1))), b = 0.044715L * a;
      const auto [s, s1, s2, s3] = logistic(a * z + b * z * z * z);
      const Real w1 = a + 3 * b * z * z, w2 = 6 * b * z, w3 = 6 * b;
      return times_z(s, s1 * w1, s2 * w1 * w1 + s1 * w2, s3 * w1 * w1 * w1 + 3 * s2 * w1 * w2 + s1 * w3);
    }
    case Activation::kSilu: {
      const auto [s, s1, s2, s3] = logistic(z);
      return times_z(s, s1, s2, s3);
    }
    case Activation::kSoftplus: {
      const auto [s, s1, s2, s3] = logistic(z);
      return {std::log1p(std::exp(z)), s, s1, s2};
    }
    case Activation::kIdentity:
      break;
  }
  return {z, 1, 0, 0};
}

// f, f', f''.
inline std::array<Real, 3> activate(Activation activation, Real z) {
  const std::array<Real, 4> f = derivatives(activation, z);
  return {f[0], f[1], f[2]};
}
inline std::array<Dual, 3> activate(Activation activation, Dual z) {
  const std::array<Real, 4> f = derivatives(activation, z.value);
  return {{{f[0], f[1] * z.slope}, {f[1], f[2] * z.slope}, {f[2], f[3] * z.slope}}};
}

template <typename S>
struct Network {
  std::vector<Activation> activations;
  std::vector<std::vector<S>> weights, biases;  // of each layer
};

// Position, speed and acceleration of something that moves with time.
template <typename S>
struct Motion {
  S at, speed, acceleration;
};

// What the outputs do as the inputs pass `start` with a constant velocity.
template <typename S>
std::vector<Motion<S>> follow(const Network<S>& network, const Numbers& start, const Numbers& velocity) {
  std::vector<Motion<S>> h;
  for (std::size_t i = 0; i < start.size(); ++i) h.push_back({S(start[i]), S(velocity[i]), S(0)});
  for (std::size_t l = 0; l < network.biases.size(); ++l) {
    const std::size_t width = network.biases[l].size();
    std::vector<Motion<S>> z;
    for (std::size_t j = 0; j < width; ++j) {
      Motion<S> sum{network.biases[l][j], S(0), S(0)};
      for (std::size_t i = 0; i < h.size(); ++i) {
        const S weight = network.weights[l][i * width + j];
        sum = {sum.at + h[i].at * weight, sum.speed + h[i].speed * weight,
               sum.acceleration + h[i].acceleration * weight};
      }
      if (l + 1 < network.biases.size()) {
        const auto [f, f1, f2] = activate(network.activations[l], sum.at);
        sum = {f, f1 * sum.speed, f1 * sum.acceleration + f2 * sum.speed * sum.speed};
      }
      z.push_back(sum);
    }
    h = z;
  }
  return h;
}

template <typename S>
using FieldsOf = std::array<std::vector<S>, 4>;  // in the order of Fields; empty where the jet has none such

template <typename S>
FieldsOf<S> reference_jet(const Sample& sample, const Network<S>& network) {
  const auto d = static_cast<std::size_t>(sample.d), f = static_cast<std::size_t>(sample.f);
  const bool scalar = sample.form.jet != Jet::kDivergence;
  FieldsOf<S> fields;
  for (std::size_t n = 0; n < sample.n; ++n) {
    Numbers start = row(sample.x, n, d), tau = row(sample.tau, n, f), dtau = row(sample.dtau, n, f);
    start.insert(start.end(), tau.begin(), tau.end());
    const auto along = [&](Numbers velocity) {
      velocity.resize(d + f);
      return follow(network, start, velocity);
    };
    const auto unit = [&](std::size_t i) {
      Numbers direction(d);
      direction[i] = 1;
      return direction;
    };
    for (const Motion<S>& output : along({})) fields[0].push_back(output.at);
    if (scalar) {
      Numbers velocity(d);
      velocity.insert(velocity.end(), dtau.begin(), dtau.end());
      fields[1].push_back(along(velocity)[0].speed);
      for (std::size_t i = 0; i < d; ++i) fields[2].push_back(along(unit(i))[0].speed);
    }
    if (sample.form.jet == Jet::kGradient) continue;
    S total(0);
    for (std::size_t k = 0; k < static_cast<std::size_t>(sample.count); ++k) {
      Numbers direction = unit(k % d);
      if (sample.form.kind == DirectionKind::kShared) direction = row(sample.directions, k, d);
      if (sample.form.kind == DirectionKind::kPoint) {
        direction = row(sample.directions, n * static_cast<std::size_t>(sample.count) + k, d);
      }
      const std::vector<Motion<S>> outputs = along(direction);
      if (scalar) total = total + outputs[0].acceleration;
      for (std::size_t i = 0; !scalar && i < d; ++i) total = total + S(direction[i]) * outputs[i].speed;
    }
    fields[3].push_back(total);
  }
  return fields;
}

inline FieldsOf<Real> reference_forward(const Sample& sample) {
  Network<Real> network{sample.activations, {}, {}};
  for (std::size_t l = 0; l < sample.parameters.weights.size(); ++l) {
    const Numbers &weights = sample.parameters.weights[l], &biases = sample.parameters.biases[l];
    network.weights.emplace_back(weights.begin(), weights.end());
    network.biases.emplace_back(biases.begin(), biases.end());
  }
  return reference_jet(sample, network);
}

// The derivative of the jet along a change of the parameters.
inline FieldsOf<Real> reference_tangent(const Sample& sample, const Layers& vector) {
  const auto pair = [](const Numbers& values, const Numbers& slopes) {
    std::vector<Dual> duals;
    for (std::size_t i = 0; i < values.size(); ++i) duals.emplace_back(values[i], slopes[i]);
    return duals;
  };
  Network<Dual> network{sample.activations, {}, {}};
  for (std::size_t l = 0; l < sample.parameters.weights.size(); ++l) {
    network.weights.push_back(pair(sample.parameters.weights[l], vector.weights[l]));
    network.biases.push_back(pair(sample.parameters.biases[l], vector.biases[l]));
  }
  const FieldsOf<Dual> fields = reference_jet(sample, network);
  FieldsOf<Real> slopes;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    for (const Dual& number : fields[i]) slopes[i].push_back(number.slope);
  }
  return slopes;
}

}  // namespace transjet::testing
