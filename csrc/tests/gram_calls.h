// Calls of gram, and what they are to give: products of rows of the Jacobian, each of them a cotangent of one
// point in double.
#pragma once

#include "tests/compare.h"

namespace transjet::testing {

inline std::vector<double> row_of_jacobian(const Residual& residual, std::size_t n) {
  std::vector<double> row;
  for (std::size_t i = 0; i < residual.samples.size(); ++i) {
    FieldNumbers c = residual.coefficients[i];
    for (std::size_t k = 0; k < c.size(); ++k) {
      const std::size_t width = field_widths(residual.samples[i])[k];
      for (std::size_t at = 0; at < c[k].size(); ++at) c[k][at] *= at / width == n ? 1 : 0;
    }
    const Residual single{{residual.samples[i]}, {c}, {}, {}, {}};
    const std::vector<double> part = results_of<double>(Operation::kCotangent, single);
    row.insert(row.end(), part.begin(), part.end());
  }
  return row;
}

inline Parts products_of_rows(const Residual& residual) {
  const std::size_t n = residual.samples[0].n;
  std::vector<std::vector<double>> rows;
  for (std::size_t i = 0; i < n; ++i) rows.push_back(row_of_jacobian(residual, i));
  std::vector<long double> products;
  for (const std::vector<double>& x : rows) {
    for (const std::vector<double>& y : rows) {
      long double product = 0;
      for (std::size_t i = 0; i < x.size(); ++i) product += static_cast<long double>(x[i]) * y[i];
      products.push_back(product);
    }
  }
  return {products};
}

template <typename T, typename R>
class GramRun {
 public:
  // The result starts as `start`, to which the CPU's kernels add.
  GramRun(const Residual& residual, std::size_t misalignment, double start = 0, bool frozen = false)
      : n_(residual.samples[0].n), operands_(misalignment), results_(misalignment) {
    for (std::size_t i = 0; i < residual.samples.size(); ++i) {
      const JetProblem<T> problem = operands_.put(residual.samples[i]);
      const Fields<T> c = operands_.put_fields(residual.samples[i], &residual.coefficients[i]);
      terms_.push_back({problem, {c.value, c.dt, c.grad, c.second}});
      terms_.back().problem.frozen_first = frozen;
    }
    call_ = {static_cast<int>(terms_.size()), terms_.data(), results_.put(Numbers(n_ * n_, start))};
  }
  GramRun(const GramRun&) = delete;
  GramRun& operator=(const GramRun&) = delete;

  const cpu::GramCall<T, R>& call() const { return call_; }
  std::vector<R> results() {
    TRANSJET_CHECK(operands_.intact() && results_.intact());
    return results_.contents();
  }

 private:
  std::size_t n_;
  Store<T> operands_;
  Store<R> results_;
  std::vector<cpu::Term<T>> terms_;
  cpu::GramCall<T, R> call_{};
};

}  // namespace transjet::testing
