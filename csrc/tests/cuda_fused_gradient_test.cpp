// The fused reverse sweep, and the fused tangents of all jets, against the reference.
#include "tests/cuda_fused.h"
#include "tests/reference.h"

namespace transjet::testing {
namespace {

// In units of epsilon, relative to the largest number of a field. Measured: at most a third of it.
constexpr double kTolerance = 20;

// Value, derivative in time and gradient by the sweep back; of a Laplacian the gradient alone.
template <typename Way, int kWidth>
std::vector<typename Way::T> fused_gradient(const Sample& sample) {
  using T = typename Way::T;
  Store<T> operands(1), results(1);
  const JetProblem<T> problem = operands.put(sample);
  PackedParameters<T> packed(problem, problem.parameters, kWidth);
  Fields<T> fields = results.put_fields(sample, nullptr);
  if (sample.form.jet == Jet::kLaplacian) fields.value = fields.dt = nullptr;
  DeviceMemory<T> scratch(sample.n * kWidth * (sample.widths.size() - 2));
  for (const auto& [begin, end] :
       {std::pair{std::size_t{0}, sample.n / 2}, std::pair{sample.n / 2, sample.n}}) {
    cuda::FusedGradient<T> call{
        cuda::fused_problem(problem, packed.view, {0, false, false}, begin, end - begin), {}, fields};
    for (std::size_t l = 0; l + 2 < sample.widths.size(); ++l)
      call.z.layer[l] = scratch.data() + l * sample.n * kWidth;
    run_fused<Way>(call);
  }
  TRANSJET_CHECK(operands.intact() && results.intact() && packed.memory.intact() && scratch.intact());
  return results.contents();
}

// The change of the jet's fields along a change of the parameters.
template <typename Way, int kWidth>
std::vector<typename Way::T> fused_tangent(const Sample& sample, const Layers& vector) {
  using T = typename Way::T;
  Store<T> operands(1), results(1);
  const JetProblem<T> problem = operands.put(sample);
  const Parameters<T> change = operands.put(vector);
  PackedParameters<T> packed(problem, problem.parameters, kWidth);
  PackedParameters<T> packed_change(problem, {change.weights, change.biases}, kWidth);
  const Fields<T> fields = results.put_fields(sample, nullptr);
  cuda::Shape shape = cuda::stream_shape(sample.form.jet, sample.count);
  if (sample.form.jet == Jet::kGradient) shape = {sample.d, true, false};
  const cuda::FusedTangent<T> call{cuda::fused_problem(problem, packed.view, shape, 0, sample.n),
                                   packed_change.view, fields};
  run_fused<Way>(call);
  TRANSJET_CHECK(operands.intact() && results.intact());
  TRANSJET_CHECK(packed.memory.intact() && packed_change.memory.intact());
  return results.contents();
}

// Removes the fields that a kernel leaves alone.
template <typename T>
void compare(std::vector<T> results, const FieldsOf<Real>& reference, const std::array<bool, 4>& written,
             double tolerance, const std::string& what) {
  std::vector<T> kept;
  Parts expected;
  std::size_t at = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const auto start = results.begin() + static_cast<std::ptrdiff_t>(at);
    if (written[i]) {
      kept.insert(kept.end(), start, start + static_cast<std::ptrdiff_t>(reference[i].size()));
      expected.emplace_back(reference[i].begin(), reference[i].end());
    } else {
      for (std::size_t j = 0; j < reference[i].size(); ++j) TRANSJET_CHECK(std::isnan(results[at + j]));
    }
    at += reference[i].size();
  }
  check_close(kept, expected, tolerance, what);
}

template <int kWidth>
void gradients_are_right(const std::vector<Size>& sizes) {
  Random random(7);
  for (const Form& form : kForms) {
    if (form.jet == Jet::kDivergence) continue;
    for (const Size& size : sizes) {
      const Sample sample = random_sample(form, size, random);
      const FieldsOf<Real> reference = reference_forward(sample);
      const bool all = form.jet == Jet::kGradient;
      with_every_way([&](auto way) {
        using Way = decltype(way);
        in_both_orders([&] {
          compare(fused_gradient<Way, kWidth>(sample), reference, {all, all, true, false},
                  Way::tolerance(kTolerance), std::string("sweep back, ") + Way::name() + describe(sample));
        });
      });
    }
  }
}

template <int kWidth>
void tangents_are_right(const std::vector<Size>& sizes) {
  Random random(8);
  for (const Form& form : kForms) {
    const bool gradient = form.jet != Jet::kLaplacian || form.kind == DirectionKind::kCoordinates;
    for (const Size& size : sizes) {
      const Sample sample = random_sample(form, size, random);
      const Layers vector = random_parameters(sample.widths, random);
      const FieldsOf<Real> reference = reference_tangent(sample, vector);
      with_every_way([&](auto way) {
        using Way = decltype(way);
        in_both_orders([&] {
          compare(fused_tangent<Way, kWidth>(sample, vector), reference, {true, true, gradient, true},
                  Way::tolerance(kTolerance), std::string("tangent, ") + Way::name() + describe(sample));
        });
      });
    }
  }
}

void nan_stays_with_its_point() {
  Random random(9);
  Sample sample =
      random_sample({Jet::kGradient, DirectionKind::kCoordinates}, {3, 1, {37, 20}, 200, 0}, random);
  sample.activations = {Activation::kTanh, Activation::kGelu};
  const Layers vector = random_parameters(sample.widths, random);
  Sample broken = sample;
  broken.x[7 * 3 + 1] = std::nan("");
  const auto same_elsewhere = [&](const std::vector<float>& clean, const std::vector<float>& results) {
    std::size_t at = 0;
    for (const std::size_t width : field_widths(sample)) {
      for (std::size_t i = 0; i < sample.n * width; ++i, ++at) {
        const bool hit = i / width == 7;
        TRANSJET_CHECK(hit ? std::isnan(results[at]) : results[at] == clean[at]);
      }
    }
  };
  same_elsewhere(fused_gradient<Default, 64>(sample), fused_gradient<Default, 64>(broken));
  same_elsewhere(fused_tangent<Default, 64>(sample, vector), fused_tangent<Default, 64>(broken, vector));
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  gradients_are_right<64>(
      {{1, 0, {5}, 1, 1}, {2, 3, {37, 64}, 3, 2}, {40, 2, {64, 37, 10}, 150, 4}, {2, 1, {8}, 0, 1}});
  gradients_are_right<128>({{10, 2, {128, 70, 100}, 15, 3}});
  tangents_are_right<64>(
      {{1, 0, {5}, 1, 1}, {2, 3, {37, 64}, 3, 2}, {3, 2, {64, 37, 10}, 20, 4}, {2, 1, {8}, 0, 1}});
  tangents_are_right<128>({{10, 2, {128, 70, 100}, 7, 3}});
  nan_stays_with_its_point();
  return result();
}
