// The layered kernels for GPUs, emulated, against the CPU's kernels in double: every jet in every role,
// widths that fill no tile and several tiles, all ways of multiplying.
#include "tests/cuda_calls.h"

namespace transjet::testing {
namespace {

using cuda::Options;
using cuda::Precision;

// In units of epsilon; measured: at most 21, and 128 in bfloat16.
constexpr double kTolerance = 60, kBf16Tolerance = 400;

const std::vector<Size> kSizes = {{1, 0, {1}, 1, 0},
                                  {1, 1, {5}, 3, 1},
                                  {2, 3, {5, 37}, 29, 2},
                                  {3, 1, {37, 5, 70, 16}, 21, 3},
                                  {10, 2, {33}, 3, 2}};

// A second network that no product of a single jet sees.
Residual residual_of(const Form& form, const Size& size, Random& random) {
  const Sample sample = random_sample(form, size, random);
  Size other = size;
  other.hidden.push_back(6);
  return random_residual({sample, random_sample(kForms[random.next() % 7], other, random)}, 2,
                         random.next() % 2 == 0, random.next() % 2 == 0, random);
}

template <typename T>
void is_right(Operation operation, const Residual& residual, Options options = {}) {
  options.layered = true;
  const double tolerance =
      sizeof(T) == 4 && options.precision == Precision::kBf16x3 ? kBf16Tolerance : kTolerance;
  check_close(cuda_results_of<T>(operation, residual, options), cpu_parts_of(operation, residual), tolerance,
              text_of(operation, residual));
}

void every_role_is_right() {
  Random random(31);
  for (const Form& form : kForms) {
    for (const Size& size : kSizes) {
      const Residual residual = residual_of(form, size, random);
      for (const Operation operation : kOperations) {
        is_right<float>(operation, residual);
        is_right<double>(operation, residual);
      }
    }
  }
}

void every_precision_is_right() {
  Random random(32);
  for (const Form& form : {kForms[0], kForms[1], kForms[6]}) {
    const Residual residual = residual_of(form, {2, 1, {37, 20}, 9, 2}, random);
    for (const Operation operation : kOperations) {
      for (const Precision precision : {Precision::kIeee, Precision::kBf16x3}) {
        is_right<float>(operation, residual, {precision});
        is_right<double>(operation, residual, {precision});
      }
    }
  }
}

// Wider than a block of a product, in every direction; many points in many slots.
void large_networks_are_right() {
  Random random(33);
  const Residual wide = residual_of(kForms[4], {3, 1, {200, 136}, 20, 0}, random);
  const Residual many = residual_of(kForms[1], {2, 1, {6, 5}, 700, 0}, random);
  for (const Operation operation : kOperations) {
    is_right<float>(operation, wide);
    is_right<double>(operation, wide);
    is_right<float>(operation, many);
  }
}

void every_activation_is_right() {
  Random random(34);
  for (int i = 0; i < kActivations; ++i) {
    Sample sample = random_sample(kForms[1], {3, 2, {6, 4}, 9, 2}, random);
    sample.activations = {static_cast<Activation>(i), static_cast<Activation>((i + 1) % kActivations)};
    const Residual residual = random_residual({sample}, 1, true, true, random);
    for (const Operation operation : kOperations) {
      is_right<float>(operation, residual);
      is_right<double>(operation, residual);
    }
  }
}

void networks_of_a_residual_add_up() {
  Random random(35);
  for (const std::vector<Form>& forms : {std::vector<Form>{kForms[4], kForms[0]},
                                         {kForms[2], kForms[6], kForms[0]},
                                         {kForms[3], kForms[1], kForms[5]}}) {
    std::vector<Sample> samples;
    for (const Form& form : forms) {
      Size size{3, 1, {17, 33}, 31, 2};
      size.hidden.resize(size.hidden.size() + samples.size(), 6);
      samples.push_back(random_sample(form, size, random));
    }
    const Residual residual = random_residual(samples, 3, true, true, random);
    is_right<float>(Operation::kGaussNewton, residual);
    is_right<double>(Operation::kGaussNewton, residual);
  }
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  every_role_is_right();
  every_precision_is_right();
  large_networks_are_right();
  every_activation_is_right();
  networks_of_a_residual_add_up();
  return result();
}
