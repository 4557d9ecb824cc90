// gram against the products of rows of the Jacobian, each of them a cotangent of one point in double.
#include "tests/gram_calls.h"
#include "tests/workspace.h"

namespace transjet::testing {
namespace {

// In units of epsilon times 1 + the largest product; measured: at most 6.
constexpr double kTolerance = 20;

const std::vector<std::vector<Form>> kResiduals = {
    {kForms[0]},
    {kForms[1]},
    {kForms[2]},
    {kForms[3]},
    {kForms[4]},
    {kForms[5]},
    {kForms[6]},
    {kForms[4], kForms[0]},
    {kForms[6], kForms[1], kForms[2]},
};

const std::vector<Size> kSizes = {
    {2, 1, {18, 17}, 37, 3},  // few streams of a wide layer: products of factors
    {10, 3, {17, 33}, 31, 2}, {1, 0, {1, 16, 5}, 130, 0}, {3, 1, {70, 7}, 1, 1}, {2, 2, {40, 40, 40}, 70, 1},
};

template <typename T, typename R>
const cpu::PhasedKernel<cpu::GramCall<T, R>>& gram_kernel() {
  if constexpr (std::is_same_v<T, R>) {
    return cpu::kernels<T>().gram;
  } else {
    return cpu::kernels<T>().precise_gram;
  }
}

template <typename T, typename R>
std::vector<R> gram_of(const Residual& residual, Pool& pool, std::size_t misalignment = 1) {
  GramRun<T, R> run(residual, misalignment);
  cpu::run((gram_kernel<T, R>()), run.call(), pool);
  return run.results();
}

template <typename T, typename R>
void is_right(const Residual& residual, const Parts& expected, const std::string& what) {
  const std::size_t n = residual.samples[0].n;
  Serial serial;
  const std::vector<R> products = gram_of<T, R>(residual, serial);
  // The precise form rounds what float products round, and no more.
  const double tolerance = kTolerance * std::numeric_limits<T>::epsilon() / std::numeric_limits<R>::epsilon();
  check_close(products, expected, tolerance, "gram, " + what);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) TRANSJET_CHECK(products[i * n + j] == products[j * n + i]);
  }
  for (const int filling : kFillings) {
    GramRun<T, R> run(residual, 3);
    run_guarded((gram_kernel<T, R>()), run.call(), filling);
    const bool same = same_bits(run.results(), products);
    check(same, (what + ": memory filled with " + std::to_string(filling)).c_str(), __FILE__, __LINE__);
  }
  with_every_pool([&](Pool& pool) { TRANSJET_CHECK(same_bits(gram_of<T, R>(residual, pool), products)); });
}

void every_residual_is_right() {
  Random random(8);
  for (const std::vector<Form>& forms : kResiduals) {
    for (const Size& base : kSizes) {
      std::vector<Sample> samples;
      for (const Form& form : forms) {
        Size size = base;
        size.hidden.resize(size.hidden.size() + samples.size(), 6);
        samples.push_back(random_sample(form, size, random));
      }
      const Residual residual = random_residual(samples, 1, false, false, random);
      const Parts expected = products_of_rows(residual);
      std::string what;
      for (const Sample& sample : samples) what += "; " + describe(sample);
      with_every_isa([&] {
        is_right<float, float>(residual, expected, what);
        is_right<double, double>(residual, expected, what);
        is_right<float, double>(residual, expected, what + ", precise");
      });
    }
  }
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  every_residual_is_right();
  return result();
}
