// The operands and results of J^T W (J v + offset), from the buffers of a call.
#pragma once

#include <vector>

#include "ffi/terms.h"

namespace transjet::ffi {

struct ProductOptions {
  std::int64_t vectors;
  bool weighted, shifted;
  std::int64_t factor_bytes;  // of kept factors, or 0
};

// Operands: the terms; per term the vectors, with a leading axis; if weighted, the weights (n); and, if
// shifted, the offset (vectors, n); and, if there are any, kept factors. Results: per term the products, with
// a leading axis; and W (J v + offset), (vectors, n).
template <typename T>
class ProductOperands {
 public:
  ProductOperands(Reader& reader, const std::vector<JetSettings>& settings, const ProductOptions& options,
                  Memory memory)
      : terms_(reader, settings) {
    if (options.vectors < 1) {
      reader.fail(mismatch(reader.op(), "the call", "vectors", "one or more", options.vectors));
    }
    vectors_ = reader.ok() ? static_cast<std::size_t>(options.vectors) : 0;
    for (std::size_t i = 0; reader.ok() && i < settings.size(); ++i) {
      read_.push_back(terms_[i].read_parameters(reader, vectors_));
      written_.push_back(terms_[i].write_parameters(reader, vectors_, memory));
    }
    const Dimensions points = {static_cast<std::int64_t>(terms_.points())};
    const Dimensions stacked = {options.vectors, points[0]};
    if (options.weighted) weights_ = reader.argument<T>("weights", points);
    if (options.shifted) offset_ = reader.argument<T>("offset", stacked);
    if (options.factor_bytes > 0) {
      factors_ = reader.argument<std::uint8_t>("factors", {options.factor_bytes});
    }
    weighted_ = reader.result<T>("the weighted product", stacked);
    for (std::size_t j = 0; reader.ok() && j < vectors_; ++j) {
      for (std::size_t i = 0; i < settings.size(); ++i) {
        vector_.push_back(read_[i][j]);
        product_.push_back(written_[i][j]);
      }
    }
  }
  ProductOperands(const ProductOperands&) = delete;
  ProductOperands& operator=(const ProductOperands&) = delete;

  const TermOperands<T>& terms() const { return terms_; }
  const std::uint8_t* factors() const { return factors_; }
  cpu::GaussNewtonCall<T> call(const char* factors) const {
    return {terms_.count(),  terms_.terms(), static_cast<int>(vectors_),
            vector_.data(),  weights_,       offset_,
            product_.data(), weighted_,      factors};
  }

 private:
  TermOperands<T> terms_;
  std::size_t vectors_ = 0;
  std::vector<ParameterSets<const T>> read_;
  std::vector<ParameterSets<T>> written_;
  std::vector<Parameters<const T>> vector_;  // [vectors][terms]
  std::vector<Parameters<T>> product_;       // likewise
  const T* weights_ = nullptr;
  const T* offset_ = nullptr;
  const std::uint8_t* factors_ = nullptr;
  T* weighted_ = nullptr;
};

// Body of a handler of J^T W (J v + offset): reads its operands and hands them to `run`.
template <typename Run>
xf::Error with_product_operands(Reader& reader, const TermWords& words, const ProductOptions& options,
                                Memory memory, Run&& run) {
  const std::vector<JetSettings> settings = term_settings(reader, words);
  return in_its_type(reader, [&](auto zero) {
    const ProductOperands<decltype(zero)> operands(reader, settings, options, memory);
    return reader.ok() ? run(operands) : reader.finish();
  });
}

}  // namespace transjet::ffi
