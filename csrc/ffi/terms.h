// The networks of a residual, from the buffers of a call: per term the operands of its jet, then its
// coefficients.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "cpu/calls.h"
#include "ffi/jet_operands.h"

namespace transjet::ffi {

// Settings of several terms, each separated by semicolons.
struct TermWords {
  std::string_view jets, activations, directions;
};
std::vector<JetSettings> term_settings(Reader& reader, const TermWords& words);

// Bytes that the kernels take for kept factors, of a residual known by its sizes alone.
struct TermSizes {
  std::string jet, directions;  // in words, as above
  std::vector<int> widths;      // d + f, ..., outputs, with the hidden layer that an affine network is given
  int coordinates, count;       // of points, and of directions
  bool frozen_first;            // the first layer is such a hidden layer
};

// Terms of these sizes, with null pointers for arrays of numbers: for what reads no arrays.
template <typename T>
class TermsOfSizes {
 public:
  TermsOfSizes(std::size_t points, const std::vector<TermSizes>& sizes);
  TermsOfSizes(const TermsOfSizes&) = delete;
  TermsOfSizes& operator=(const TermsOfSizes&) = delete;

  int count() const { return static_cast<int>(terms_.size()); }
  const cpu::Term<T>* terms() const { return terms_.data(); }

 private:
  std::vector<Activation> activations_;
  std::vector<const T*> pointers_;
  std::vector<cpu::Term<T>> terms_;
};

std::size_t factor_bytes(bool twice, std::size_t points, const std::vector<TermSizes>& terms);

template <typename T>
class TermOperands {
 public:
  TermOperands(Reader& reader, const std::vector<JetSettings>& settings) {
    for (const JetSettings& of_term : settings) {
      const JetOperands<T>& jet = operands_.emplace_back(reader, of_term);
      terms_.push_back({jet.problem(), jet.read_fields(reader)});
      const std::size_t count = jet.problem().points.count;
      if (count != points()) reader.fail(mismatch(reader.op(), "x", "points", points(), count));
    }
  }
  TermOperands(const TermOperands&) = delete;
  TermOperands& operator=(const TermOperands&) = delete;

  int count() const { return static_cast<int>(terms_.size()); }
  const cpu::Term<T>* terms() const { return terms_.data(); }
  std::size_t points() const { return terms_.empty() ? 0 : terms_[0].problem.points.count; }
  const JetOperands<T>& operator[](std::size_t i) const { return operands_[i]; }

 private:
  std::deque<JetOperands<T>> operands_;
  std::vector<cpu::Term<T>> terms_;
};

// Body of a handler of J J^T: reads its operands and hands `run` the call. `precise`: the result is float64
// whatever the operands are.
template <typename Run>
xf::Error with_gram_call(Reader& reader, const TermWords& words, bool precise, Run&& run) {
  const std::vector<JetSettings> settings = term_settings(reader, words);
  return in_its_type(reader, [&](auto zero) {
    using T = decltype(zero);
    const TermOperands<T> operands(reader, settings);
    const auto n = static_cast<std::int64_t>(operands.points());
    const auto into = [&](auto result_zero) {
      using R = decltype(result_zero);
      R* result = reader.result<R>("the Gram matrix", {n, n});
      if (!reader.ok()) return reader.finish();
      return run(cpu::GramCall<T, R>{operands.count(), operands.terms(), result});
    };
    return precise ? into(double{0}) : into(zero);
  });
}

}  // namespace transjet::ffi
