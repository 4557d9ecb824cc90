// What kernels may touch: results and working memory and nothing else, whatever lay there before; and what a
// bad point may spoil: its own results.
#include "tests/compare.h"
#include "tests/workspace.h"

namespace transjet::testing {
namespace {

template <typename T>
void memory_is_respected(Operation operation, const Residual& residual) {
  const std::size_t points = residual.samples[0].n;
  const std::vector<T> expected = results_of<T>(operation, residual);
  TRANSJET_CHECK(std::none_of(expected.begin(), expected.end(), [](T x) { return std::isnan(x); }));
  for (const int filling : {0xff, 0x00, 0x7b}) {
    Call<T> call(operation, residual, 1);
    call.run([&](const auto& kernel, const auto& parts) { run_guarded(kernel, parts, points, filling); });
    TRANSJET_CHECK(call.intact());
    TRANSJET_CHECK(same_bits(call.results(), expected));
  }
  for (const std::size_t misalignment : {0, 3}) {
    Serial pool;
    TRANSJET_CHECK(same_bits(results_of<T>(operation, residual, pool, misalignment), expected));
  }
}

// Only the results of the point whose x is NaN change, and its value shows it.
template <typename T>
void bad_points_stay_alone(Operation operation, const Residual& residual) {
  const Sample& sample = residual.samples[0];
  const std::vector<T> expected = results_of<T>(operation, residual);
  for (const std::size_t bad : {std::size_t{0}, sample.n / 2, sample.n - 1}) {
    Residual spoilt = residual;
    spoilt.samples[0].x[bad * static_cast<std::size_t>(sample.d)] = std::numeric_limits<double>::quiet_NaN();
    std::vector<T> results = results_of<T>(operation, spoilt);
    std::size_t at = 0;
    for (const std::size_t width : field_widths(sample)) {
      if (at == 0) TRANSJET_CHECK(std::isnan(results[bad * width]));
      for (std::size_t k = bad * width; k < (bad + 1) * width; ++k) results[at + k] = expected[at + k];
      at += sample.n * width;
    }
    TRANSJET_CHECK(same_bits(results, expected));
  }
}

template <typename T>
void sums_are_added(Operation operation, const Residual& residual) {
  const std::vector<T> once = results_of<T>(operation, residual);
  Call<T> call(operation, residual, 1);
  const std::size_t n = residual.samples[0].n;
  for (int i = 0; i < 2; ++i) {
    call.run([&](const auto& kernel, const auto& parts) {
      Serial pool;
      cpu::run(kernel, parts, n, pool);
    });
  }
  const std::vector<T> twice = call.results();
  const std::size_t sums =
      once.size() - (operation == Operation::kGaussNewton ? n * residual.vectors.size() : 0);
  Parts expected(1);
  for (std::size_t i = 0; i < sums; ++i) expected[0].push_back(2 * static_cast<long double>(once[i]));
  check_close(std::vector<T>(twice.begin(), twice.begin() + static_cast<std::ptrdiff_t>(sums)), expected, 100,
              "sums");
}

template <typename T>
void all() {
  Random random(6);
  const Size sizes[] = {
      {3, 1, {17, 5}, 67, 2}, {1, 0, {1}, 1, 0}, {9, 2, {6, 34, 3}, 5, 1}, {2, 1, {4}, 0, 2}};
  for (const Form& form : kForms) {
    for (const Size& size : sizes) {
      const Sample sample = random_sample(form, size, random);
      const Residual residual = random_residual(
          {sample, random_sample(kForms[random.next() % 7], size, random)}, 2, true, true, random);
      for (const Operation operation : kOperations) {
        memory_is_respected<T>(operation, residual);
        if (size.n == 0) continue;
        if (operation == Operation::kForward || operation == Operation::kTangent) {
          bad_points_stay_alone<T>(operation, residual);
        } else {
          sums_are_added<T>(operation, residual);
        }
      }
    }
  }
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  with_every_isa([] {
    all<float>();
    all<double>();
  });
  return result();
}
