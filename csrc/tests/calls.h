// Calls of the kernels on random problems, every operand and every result between canaries.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "cpu/calls.h"
#include "cpu/dispatch.h"
#include "tests/check.h"
#include "tests/problems.h"

namespace transjet::testing {

// Jets of several networks at as many points, with all that their products take; the products of one jet are
// those of the first.
struct Residual {
  std::vector<Sample> samples;
  std::vector<FieldNumbers> coefficients;    // of each sample
  std::vector<std::vector<Layers>> vectors;  // [vector][sample]
  Numbers weights, offset;                   // empty where there are none
};

inline Residual random_residual(std::vector<Sample> samples, std::size_t vectors, bool weighted, bool shifted,
                                Random& random) {
  Residual residual{std::move(samples), {}, std::vector<std::vector<Layers>>(vectors), {}, {}};
  const std::size_t n = residual.samples[0].n;
  for (const Sample& sample : residual.samples) {
    residual.coefficients.push_back(random_fields(sample, random));
    for (std::vector<Layers>& vector : residual.vectors) {
      vector.push_back(random_parameters(sample.widths, random));
    }
  }
  if (weighted) residual.weights = random.numbers(n, 1);
  if (shifted) residual.offset = random.numbers(vectors * n, 1);
  return residual;
}

// Buffers of elements T with the numbers of a problem, all `misalignment` elements off.
template <typename T>
class Store {
 public:
  explicit Store(std::size_t misalignment) : misalignment_(misalignment) {}

  T* put(std::size_t size) { return buffers_.emplace_back(size, misalignment_).view().data(); }  // NaN
  T* put(const Numbers& numbers) {
    T* data = put(numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) data[i] = static_cast<T>(numbers[i]);
    return data;
  }
  Parameters<T> put(const Layers& layers) {
    std::vector<T*>&weights = pointers_.emplace_back(), &biases = pointers_.emplace_back();
    for (const Numbers& numbers : layers.weights) weights.push_back(put(numbers));
    for (const Numbers& numbers : layers.biases) biases.push_back(put(numbers));
    return {weights.data(), biases.data()};
  }
  // The sample lends its widths and activations.
  JetProblem<T> put(const Sample& s) {
    const Parameters<T> parameters = put(s.parameters);
    return {s.form.jet,
            {static_cast<int>(s.widths.size()) - 1, s.widths.data(), s.activations.data()},
            {parameters.weights, parameters.biases},
            {s.n, s.d, s.f, put(s.x), put(s.tau), put(s.dtau)},
            {s.form.kind, s.count, s.form.kind == DirectionKind::kCoordinates ? nullptr : put(s.directions)}};
  }
  // Fields with these numbers, or NaN where there are none.
  Fields<T> put_fields(const Sample& sample, const FieldNumbers* numbers) {
    T* data[4] = {};
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t width = field_widths(sample)[i];
      if (width > 0) data[i] = numbers == nullptr ? put(sample.n * width) : put((*numbers)[i]);
    }
    return {data[0], data[1], data[2], data[3]};
  }

  bool intact() const {
    return std::all_of(buffers_.begin(), buffers_.end(),
                       [](const Guarded<T>& buffer) { return buffer.intact(); });
  }
  // All elements of all buffers, in the order in which they were put.
  std::vector<T> contents() {
    std::vector<T> all;
    for (Guarded<T>& buffer : buffers_) all.insert(all.end(), buffer.view().begin(), buffer.view().end());
    return all;
  }

 private:
  std::size_t misalignment_;
  std::deque<Guarded<T>> buffers_;
  std::deque<std::vector<T*>> pointers_;
};

enum class Operation { kForward, kTangent, kCotangent, kGaussNewton };
inline constexpr Operation kOperations[] = {Operation::kForward, Operation::kTangent, Operation::kCotangent,
                                            Operation::kGaussNewton};

// One operation's call. Before it runs, sums are zero and everything else that it writes is NaN.
template <typename T>
class Call {
 public:
  Call(Operation operation, const Residual& residual, std::size_t misalignment)
      : operation_(operation), operands_(misalignment), results_(misalignment) {
    const Sample& sample = residual.samples[0];
    const auto zeros = [](Layers layers) {
      for (std::vector<Numbers>* part : {&layers.weights, &layers.biases}) {
        for (Numbers& numbers : *part) std::fill(numbers.begin(), numbers.end(), 0);
      }
      return layers;
    };
    const auto read = [this](const Layers& layers) -> Parameters<const T> {
      const Parameters<T> parameters = operands_.put(layers);
      return {parameters.weights, parameters.biases};
    };
    const auto read_fields = [&](std::size_t i) -> Fields<const T> {
      const Fields<T> c = operands_.put_fields(residual.samples[i], &residual.coefficients[i]);
      return {c.value, c.dt, c.grad, c.second};
    };
    switch (operation) {
      case Operation::kForward:
        forward_ = {operands_.put(sample), results_.put_fields(sample, nullptr)};
        break;
      case Operation::kTangent:
        tangent_ = {operands_.put(sample), read(residual.vectors[0][0]),
                    results_.put_fields(sample, nullptr)};
        break;
      case Operation::kCotangent:
        cotangent_ = {operands_.put(sample), read_fields(0), results_.put(zeros(sample.parameters))};
        break;
      case Operation::kGaussNewton:
        for (std::size_t i = 0; i < residual.samples.size(); ++i) {
          terms_.push_back({operands_.put(residual.samples[i]), read_fields(i)});
        }
        for (const std::vector<Layers>& vector : residual.vectors) {
          for (const Layers& layers : vector) {
            vectors_.push_back(read(layers));
            products_.push_back(results_.put(zeros(layers)));
          }
        }
        const std::size_t vectors = residual.vectors.size();
        gauss_newton_ = {static_cast<int>(terms_.size()),
                         terms_.data(),
                         static_cast<int>(vectors),
                         vectors_.data(),
                         residual.weights.empty() ? nullptr : operands_.put(residual.weights),
                         residual.offset.empty() ? nullptr : operands_.put(residual.offset),
                         products_.data(),
                         results_.put(vectors * sample.n),
                         nullptr};
        break;
    }
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // runner(kernel, call)
  template <typename Runner>
  void run(Runner&& runner) {
    const cpu::KernelTable<T>& table = cpu::kernels<T>();
    switch (operation_) {
      case Operation::kForward:
        return runner(table.forward, forward_);
      case Operation::kTangent:
        return runner(table.tangent, tangent_);
      case Operation::kCotangent:
        return runner(table.cotangent, cotangent_);
      case Operation::kGaussNewton:
        return runner(table.gauss_newton, gauss_newton_);
    }
  }

  // Of a Gauss-Newton product: the call that keeps its factors, and these in use.
  cpu::FactorsCall<T> factors_call(char* factors) const {
    return {gauss_newton_.terms, gauss_newton_.term, factors};
  }
  void use_factors(const char* factors) { gauss_newton_.factors = factors; }

  // Fields in their order; or per layer weights, then biases, of each product, and W (J v + offset) behind
  // them.
  std::vector<T> results() { return results_.contents(); }
  bool intact() const { return operands_.intact() && results_.intact(); }

 private:
  Operation operation_;
  Store<T> operands_, results_;
  cpu::ForwardCall<T> forward_{};
  cpu::TangentCall<T> tangent_{};
  cpu::CotangentCall<T> cotangent_{};
  cpu::GaussNewtonCall<T> gauss_newton_{};
  std::vector<cpu::Term<T>> terms_;
  std::vector<Parameters<const T>> vectors_;
  std::vector<Parameters<T>> products_;
};

}  // namespace transjet::testing
