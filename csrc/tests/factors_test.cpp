// Kept factors: Gauss-Newton products with them are those without, bit for bit, whoever filled them.
#include "tests/compare.h"
#include "tests/workspace.h"

namespace transjet::testing {
namespace {

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
    {2, 1, {5, 3}, 701, 2}, {10, 3, {17, 33}, 31, 2}, {3, 1, {70, 7}, 1, 1}, {2, 1, {6}, 0, 1}};

// `fill(call)` fills the factors of a call; products with them are as expected.
template <typename T, typename Fill>
void serve(const Residual& residual, const std::vector<T>& expected, Fill&& fill) {
  Call<T> call(Operation::kGaussNewton, residual, 1);
  const std::size_t points = residual.samples[0].n,
                    bytes = cpu::kernels<T>().factor_bytes(call.factors_call(nullptr));
  const Workspace factors(bytes, 0xff);
  fill(call.factors_call(factors.data()));
  for (std::size_t i = 0; i < cpu::kFactorHeader; ++i) {
    TRANSJET_CHECK(static_cast<unsigned char>(factors.data()[i]) == 0xff);
  }
  call.use_factors(factors.data());
  call.run([&](const auto& kernel, const auto& parts) { run_guarded(kernel, parts, points, 0xff); });
  TRANSJET_CHECK(factors.intact() && call.intact());
  TRANSJET_CHECK(same_bits(call.results(), expected));
}

template <typename T>
void all() {
  Random random(12);
  for (const std::vector<Form>& forms : kResiduals) {
    for (const Size& size : kSizes) {
      std::vector<Sample> samples;
      for (const Form& form : forms) samples.push_back(random_sample(form, size, random));
      // One vector and several: the tiles are the same.
      for (const std::size_t vectors : {1, 5}) {
        const Residual residual = random_residual(samples, vectors, true, true, random);
        const std::vector<T> expected = results_of<T>(Operation::kGaussNewton, residual);
        serve<T>(residual, expected, [&](const cpu::FactorsCall<T>& call) {
          run_guarded(cpu::kernels<T>().factors, call, size.n, 0xff);
        });
        if (size.n < 100) continue;
        with_every_pool([&](Pool& pool) {
          serve<T>(residual, expected, [&](const cpu::FactorsCall<T>& call) {
            cpu::run(cpu::kernels<T>().factors, call, size.n, pool);
          });
        });
      }
    }
  }
}

}  // namespace
}  // namespace transjet::testing

int main() {
  using namespace transjet::testing;
  with_every_isa([] {
    all<float>();
    all<double>();
  });
  return result();
}
