// Random jet problems, in numbers that are the same for every element type.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/network.h"

namespace transjet::testing {

using Numbers = std::vector<double>;
using FieldNumbers = std::array<Numbers, 4>;  // in the order of Fields

inline Numbers row(const Numbers& matrix, std::size_t index, std::size_t width) {
  const auto start = matrix.begin() + static_cast<std::ptrdiff_t>(index * width);
  return {start, start + static_cast<std::ptrdiff_t>(width)};
}

struct Layers {
  std::vector<Numbers> weights, biases;
};

// SplitMix64: the same numbers on every platform, which the standard library does not promise.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // Numbers in [-scale, scale] that float holds exactly.
  Numbers numbers(std::size_t size, double scale) {
    Numbers numbers(size);
    for (double& x : numbers) {
      x = static_cast<float>(scale * (static_cast<double>(next() >> 40) / (1 << 23) - 1));
    }
    return numbers;
  }

 private:
  std::uint64_t state_;
};

struct Form {
  Jet jet;
  DirectionKind kind;
};

// Every jet with every kind of directions that it takes.
inline constexpr Form kForms[] = {
    {Jet::kGradient, DirectionKind::kCoordinates},   {Jet::kLaplacian, DirectionKind::kCoordinates},
    {Jet::kLaplacian, DirectionKind::kShared},       {Jet::kLaplacian, DirectionKind::kPoint},
    {Jet::kDivergence, DirectionKind::kCoordinates}, {Jet::kDivergence, DirectionKind::kShared},
    {Jet::kDivergence, DirectionKind::kPoint},
};

struct Size {
  int d, f;
  std::vector<int> hidden;
  std::size_t n;
  int count;  // of directions, where they are not the coordinates
};

// A jet problem with its operands.
struct Sample {
  Form form;
  int d, f, count;
  std::size_t n;
  std::vector<int> widths;
  std::vector<Activation> activations;
  Layers parameters;
  Numbers x, tau, dtau, directions;
};

inline Layers random_parameters(const std::vector<int>& widths, Random& random) {
  Layers layers;
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
    const auto fan_in = static_cast<std::size_t>(widths[l]),
               fan_out = static_cast<std::size_t>(widths[l + 1]);
    layers.weights.push_back(random.numbers(fan_in * fan_out, 2 / std::sqrt(static_cast<double>(fan_in))));
    layers.biases.push_back(random.numbers(fan_out, 0.7));
  }
  return layers;
}

inline Sample random_sample(const Form& form, const Size& size, Random& random) {
  const auto d = static_cast<std::size_t>(size.d), f = static_cast<std::size_t>(size.f);
  Sample sample{form, size.d, size.f, size.d, size.n, {size.d + size.f}, {}, {}, {}, {}, {}, {}};
  if (form.kind != DirectionKind::kCoordinates) sample.count = size.count;
  for (const int width : size.hidden) {
    sample.widths.push_back(width);
    sample.activations.push_back(static_cast<Activation>(random.next() % kActivations));
  }
  sample.widths.push_back(form.jet == Jet::kDivergence ? size.d : 1);
  sample.parameters = random_parameters(sample.widths, random);
  sample.x = random.numbers(size.n * d, 1.5);
  sample.tau = random.numbers(size.n * f, 1);
  sample.dtau = random.numbers(size.n * f, 1);
  std::size_t rows = static_cast<std::size_t>(size.count);
  if (form.kind == DirectionKind::kPoint) rows *= size.n;
  if (form.kind != DirectionKind::kCoordinates) sample.directions = random.numbers(rows * d, 1);
  return sample;
}

// Elements that each of a jet's fields has for a point, none where the jet has no such field.
inline std::array<std::size_t, 4> field_widths(const Sample& sample) {
  const auto d = static_cast<std::size_t>(sample.d);
  if (sample.form.jet == Jet::kDivergence) return {d, 0, 0, 1};
  return {1, 1, d, sample.form.jet == Jet::kLaplacian ? 1U : 0U};
}

inline FieldNumbers random_fields(const Sample& sample, Random& random) {
  FieldNumbers fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    fields[i] = random.numbers(sample.n * field_widths(sample)[i], 1);
  }
  return fields;
}

inline std::string describe(const Sample& sample) {
  static constexpr const char* kJets[] = {"gradient", "laplacian", "divergence"};
  static constexpr const char* kKinds[] = {"coordinates", "shared", "point"};
  std::string text = kJets[static_cast<int>(sample.form.jet)];
  text += std::string(" along ") + std::to_string(sample.count) + " " +
          kKinds[static_cast<int>(sample.form.kind)];
  text += ", n " + std::to_string(sample.n) + ", d " + std::to_string(sample.d) + ", widths";
  for (const int width : sample.widths) text += " " + std::to_string(width);
  text += ", activations";
  for (const Activation activation : sample.activations)
    text += " " + std::to_string(static_cast<int>(activation));
  return text;
}

}  // namespace transjet::testing
