// What the engine for GPUs promises, emulated: chunks of points of any size, a workspace that is bounded,
// written before it is read and not written past; the same bits in every run; and bad points that spoil only
// their own results.
#include <set>

#include "tests/cuda_calls.h"

namespace transjet::testing {
namespace {

using cuda::Options;

constexpr double kTolerance = 60;  // in units of epsilon; measured: at most 10

Options limited(std::size_t bytes) {
  Options options;
  options.workspace_limit = bytes;
  return options;
}

Residual residual_of(const Form& form, const Size& size, Random& random) {
  const Sample sample = random_sample(form, size, random);
  return random_residual({sample, random_sample(kForms[random.next() % 7], size, random)}, 2, true, true,
                         random);
}

template <typename T>
std::size_t bytes_of(Operation operation, const Residual& residual, const Options& options, std::size_t n) {
  std::size_t bytes = 0;
  Residual sized = residual;
  Call<T> call(operation, sized, 0);
  call.run([&](const auto&, auto parts) {
    if constexpr (std::is_same_v<decltype(parts), cpu::GaussNewtonCall<T>>) {
      std::vector<cpu::Term<T>> terms(parts.term, parts.term + parts.terms);
      for (cpu::Term<T>& term : terms) term.problem.points.count = n;
      parts.term = terms.data();
      bytes = cuda::workspace_bytes(parts, options);
    } else {
      parts.problem.points.count = n;
      bytes = cuda::workspace_bytes(parts, options);
    }
  });
  return bytes;
}

// With a limit that takes one point at a time, a few, many. Layer by layer the workspace grows with the
// chunk.
template <typename T>
void chunks_are_right(const Residual& residual, Operation operation, bool layered) {
  const Parts expected = cpu_parts_of(operation, residual);
  std::set<std::size_t> sizes;
  for (const std::size_t limit : {std::size_t{1}, std::size_t{1} << 17, std::size_t{1} << 25}) {
    Options options = limited(limit);
    options.layered = layered;
    sizes.insert(bytes_of<T>(operation, residual, options, residual.samples[0].n));
    check_close(cuda_results_of<T>(operation, residual, options), expected, kTolerance,
                text_of(operation, residual) + ", limit " + std::to_string(limit));
  }
  TRANSJET_CHECK(!layered || sizes.size() >= 2);
}

template <typename T>
void memory_is_respected(const Residual& residual, Operation operation) {
  const std::vector<T> expected = cuda_results_of<T>(operation, residual);
  TRANSJET_CHECK(std::none_of(expected.begin(), expected.end(), [](T x) { return std::isnan(x); }));
  for (const int filling : {0x00, 0x7b}) {
    TRANSJET_CHECK(same_bits(cuda_results_of<T>(operation, residual, {}, filling), expected));
  }
  TRANSJET_CHECK(same_bits(cuda_results_of<T>(operation, residual, {}, 0xff, 2), expected));
}

template <typename T>
void orders_do_not_matter(const Residual& residual, Operation operation) {
  const std::vector<T> expected = cuda_results_of<T>(operation, residual);
  in_either_order([&] { TRANSJET_CHECK(same_bits(cuda_results_of<T>(operation, residual), expected)); });
}

// Only the results of the point whose x is NaN change, and its value shows it.
template <typename T>
void bad_points_stay_alone(const Residual& residual, Operation operation) {
  const Sample& sample = residual.samples[0];
  const std::vector<T> expected = cuda_results_of<T>(operation, residual);
  for (const std::size_t bad : {std::size_t{0}, sample.n - 1}) {
    Residual spoilt = residual;
    spoilt.samples[0].x[bad * static_cast<std::size_t>(sample.d)] = std::numeric_limits<double>::quiet_NaN();
    std::vector<T> results = cuda_results_of<T>(operation, spoilt);
    std::size_t at = 0;
    for (const std::size_t width : field_widths(sample)) {
      if (at == 0) TRANSJET_CHECK(std::isnan(results[bad * width]));
      for (std::size_t k = bad * width; k < (bad + 1) * width; ++k) results[at + k] = expected[at + k];
      at += sample.n * width;
    }
    TRANSJET_CHECK(same_bits(results, expected));
  }
}

// The same for W (J v + offset).
template <typename T>
void bad_points_stay_alone_in_products(const Residual& residual) {
  const std::size_t n = residual.samples[0].n, count = residual.vectors.size() * n, bad = n / 2;
  const std::vector<T> expected = cuda_results_of<T>(Operation::kGaussNewton, residual);
  Residual spoilt = residual;
  spoilt.samples[0].x[bad * static_cast<std::size_t>(residual.samples[0].d)] =
      std::numeric_limits<double>::quiet_NaN();
  const std::vector<T> results = cuda_results_of<T>(Operation::kGaussNewton, spoilt);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = results.size() - count + i;
    TRANSJET_CHECK(i % n == bad ? std::isnan(results[at]) : results[at] == expected[at]);
  }
}

// Results are written: those of a second run are those of the first.
template <typename T>
void results_are_written(const Residual& residual, Operation operation) {
  const std::vector<T> expected = cuda_results_of<T>(operation, residual);
  Call<T> call(operation, residual, 1);
  call.run([&](const auto&, const auto& parts) {
    const Workspace memory(cuda::workspace_bytes(parts, {}), 0xff);
    for (int i = 0; i < 2; ++i) TRANSJET_CHECK(cuda::run(parts, {}, memory.data(), cuda::Stream{}) == 0);
  });
  TRANSJET_CHECK(same_bits(call.results(), expected));
}

template <typename T>
void promises_are_kept() {
  Random random(41);
  for (const Form& form : kForms) {
    const Residual residual = residual_of(form, {3, 1, {17, 5}, 37, 2}, random);
    for (const Operation operation : kOperations) {
      for (const bool layered : {false, true}) chunks_are_right<T>(residual, operation, layered);
      memory_is_respected<T>(residual, operation);
      orders_do_not_matter<T>(residual, operation);
      results_are_written<T>(residual, operation);
      if (operation == Operation::kForward || operation == Operation::kTangent)
        bad_points_stay_alone<T>(residual, operation);
    }
    bad_points_stay_alone_in_products<T>(residual);
  }
}

void no_points_are_legal() {
  Random random(42);
  for (const Form& form : kForms) {
    const Residual residual = residual_of(form, {2, 1, {4, 3}, 0, 2}, random);
    for (const Operation operation : kOperations) {
      Call<float> call(operation, residual, 1);
      const std::vector<float> zeros = call.results();  // sums start as zeros, and there are no points
      TRANSJET_CHECK(same_bits(cuda_results_of<float>(operation, residual), zeros));
    }
  }
}

void workspaces_are_bounded() {
  Random random(43);
  for (const Form& form : kForms) {
    const Residual residual = residual_of(form, {50, 2, {200, 128}, 1, 7}, random);
    for (const Operation operation : kOperations) {
      const Options options;
      const std::size_t one = bytes_of<double>(operation, residual, options, 1);
      const std::size_t bound = one + options.workspace_limit;
      std::size_t most = 0;
      for (const std::size_t n : {100, 10000, 1000000, 1000000000}) {
        most = std::max(most, bytes_of<double>(operation, residual, options, n));
      }
      TRANSJET_CHECK(most <= bound && 2 * most > bound - one);
    }
  }
}

void too_deep_networks_are_refused() {
  Random random(44);
  const Sample sample = random_sample(kForms[0], {2, 1, std::vector<int>(16, 3), 2, 0}, random);
  Call<float> call(Operation::kForward, {{sample}, {}, {}, {}, {}}, 1);
  call.run([&](const auto&, const auto& parts) {
    TRANSJET_CHECK(cuda::run(parts, {}, nullptr, cuda::Stream{}) == cuda::kInvalidCall);
  });
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  promises_are_kept<float>();
  promises_are_kept<double>();
  no_points_are_legal();
  workspaces_are_bounded();
  too_deep_networks_are_refused();
  return result();
}
