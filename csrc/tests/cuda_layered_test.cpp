// The layered kernels for GPUs, emulated, against the CPU's kernels in double: every jet in every role,
// widths that fill no tile, several chunks of points.
#include "tests/cuda_calls.h"

namespace transjet::testing {
namespace {

using cuda::Options;
using cuda::Precision;

// In units of epsilon; measured: see the output with an argument.
constexpr double kTolerance = 60, kBf16Tolerance = 1000;

const std::vector<Size> kSizes = {{1, 0, {1}, 1, 0},
                                  {1, 1, {5}, 3, 1},
                                  {2, 3, {5, 37}, 29, 2},
                                  {3, 1, {37, 5, 70, 16}, 21, 3},
                                  {10, 2, {33}, 3, 2}};

Residual residual_of(const Form& form, const Size& size, Random& random) {
  const Sample sample = random_sample(form, size, random);
  return random_residual({sample, random_sample(kForms[random.next() % 7], size, random)}, 2, true, true,
                         random);
}

Parts expected_of(Operation operation, const Residual& residual) {
  const std::vector<double> results = results_of<double>(operation, residual);
  return {std::vector<long double>(results.begin(), results.end())};
}

const char* name_of(Operation operation) {
  static constexpr const char* kNames[] = {"forward", "tangent", "cotangent", "gauss_newton"};
  return kNames[static_cast<int>(operation)];
}

std::string text_of(Operation operation, const Residual& residual) {
  return std::string(name_of(operation)) + " of " + describe(residual.samples[0]);
}

void is_right(Operation operation, const Residual& residual, const Options& options) {
  const Parts expected = expected_of(operation, residual);
  const std::string text = text_of(operation, residual);
  check_close(cuda_results_of<double>(operation, residual, options), expected, kTolerance, text);
  check_close(cuda_results_of<float>(operation, residual, options), expected, kTolerance, text);
}

void every_role_is_right() {
  Random random(31);
  for (const Form& form : kForms) {
    for (const Size& size : kSizes) {
      const Residual residual = residual_of(form, size, random);
      for (const Operation operation : kOperations) is_right(operation, residual, {});
    }
  }
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  every_role_is_right();
  return result();
}
