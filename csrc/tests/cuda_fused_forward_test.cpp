// The fused forward kernels against the reference: every form, policy and width.
#include "tests/cuda_fused.h"
#include "tests/reference.h"

namespace transjet::testing {
namespace {

// In units of epsilon, relative to the largest number of a field. Measured: at most a third of it.
constexpr double kTolerance = 15;

// A shape that gives the jet's fields by streams alone.
cuda::Shape shape_of(const Sample& sample) {
  if (sample.form.jet == Jet::kGradient) return {sample.d, true, false};
  return cuda::stream_shape(sample.form.jet, sample.count);
}

// The fields as the kernel leaves them; NaN where it leaves them alone.
template <typename Way, int kWidth>
std::vector<typename Way::T> fused(const Sample& sample) {
  using T = typename Way::T;
  Store<T> operands(1), results(1);
  const JetProblem<T> problem = operands.put(sample);
  PackedParameters<T> packed(problem, problem.parameters, kWidth);
  const Fields<T> fields = results.put_fields(sample, nullptr);
  const cuda::FusedForward<T> call{cuda::fused_problem(problem, packed.view, shape_of(sample), 0, sample.n),
                                   fields};
  run_fused<Way>(call);
  TRANSJET_CHECK(operands.intact() && results.intact() && packed.memory.intact());
  return results.contents();
}

template <typename Way, int kWidth>
void is_right(const Sample& sample) {
  const FieldsOf<Real> reference = reference_forward(sample);
  Parts expected(reference.begin(), reference.end());
  in_both_orders([&] {
    auto results = fused<Way, kWidth>(sample);
    // A Laplacian along given directions does not see the gradient pass by.
    if (sample.form.jet == Jet::kLaplacian && sample.form.kind != DirectionKind::kCoordinates) {
      const auto first = results.begin() + static_cast<std::ptrdiff_t>(2 * sample.n);
      const auto last = first + static_cast<std::ptrdiff_t>(sample.n * static_cast<std::size_t>(sample.d));
      results.erase(first, last);
      expected[2].clear();
    }
    check_close(results, expected, Way::tolerance(kTolerance), Way::name() + describe(sample));
  });
}

template <int kWidth>
void every_form_is_right(const std::vector<Size>& sizes) {
  Random random(3);
  for (const Form& form : kForms) {
    for (const Size& size : sizes) {
      const Sample sample = random_sample(form, size, random);
      with_every_way([&](auto way) { is_right<decltype(way), kWidth>(sample); });
    }
  }
}

void nan_stays_with_its_point() {
  Random random(4);
  for (const Form& form : kForms) {
    Sample sample = random_sample(form, {3, 1, {37, 20}, 60, 2}, random);
    sample.activations = {Activation::kTanh, Activation::kGelu};  // the identity's derivatives see no NaN
    with_every_way([&](auto way) {
      using Way = decltype(way);
      Sample broken = sample;
      broken.x[7 * 3 + 1] = std::nan("");
      const auto clean = fused<Way, 64>(sample), results = fused<Way, 64>(broken);
      std::size_t at = 0;
      for (const std::size_t width : field_widths(sample)) {
        for (std::size_t n = 0; n < sample.n; ++n) {
          for (std::size_t i = 0; i < width; ++i, ++at) {
            if (n == 7 || std::isnan(clean[at])) {
              TRANSJET_CHECK(std::isnan(results[at]));
            } else {
              TRANSJET_CHECK(results[at] == clean[at]);
            }
          }
        }
      }
    });
  }
}

void networks_fit_or_do_not() {
  const auto pad = [](std::vector<int> widths, int streams, bool tangent, auto element) {
    const Architecture network{static_cast<int>(widths.size()) - 1, widths.data(), nullptr};
    return cuda::fused_pad<decltype(element)>(network, streams, tangent);
  };
  TRANSJET_CHECK(pad({200, 64, 3, 1}, 128, false, float{}) == 64);
  TRANSJET_CHECK(pad({200, 64, 65, 1}, 128, false, float{}) == 128);
  TRANSJET_CHECK(pad({2, 128, 1}, 129, false, float{}) == 0);
  TRANSJET_CHECK(pad({2, 129, 1}, 1, false, float{}) == 0);
  TRANSJET_CHECK(pad({2, 64, 1}, 65, true, float{}) == 0 && pad({2, 64, 1}, 64, true, float{}) == 64);
  TRANSJET_CHECK(pad({2, 128, 1}, 65, false, double{}) == 0 && pad({2, 128, 1}, 64, false, double{}) == 128);
  TRANSJET_CHECK(pad({2, 1}, 1, false, float{}) == 0);
  TRANSJET_CHECK(pad(std::vector<int>(cuda::kMaxLayers + 1, 5), 1, false, float{}) == 64);
  TRANSJET_CHECK(pad(std::vector<int>(cuda::kMaxLayers + 2, 5), 1, false, float{}) == 0);
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  every_form_is_right<64>({{1, 0, {5}, 1, 1},
                           {2, 3, {37, 64}, 3, 2},
                           {3, 2, {64, 37, 10}, 40, 4},
                           {2, 1, {8}, 0, 1},
                           {20, 1, {40, 64}, 5, 40}});
  every_form_is_right<128>({{10, 2, {128, 70, 100}, 11, 3}});
  nan_stays_with_its_point();
  networks_fit_or_do_not();
  return result();
}
