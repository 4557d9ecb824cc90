// Derivatives of the jets along a change of the parameters, J v, against the reference; and J^T c, which must
// have the inner product with every v that c has with J v.
#include "tests/compare.h"
#include "tests/reference.h"

namespace transjet::testing {
namespace {

// In units of epsilon; measured: at most 11, and 1 for the inner products.
constexpr double kTolerance = 40, kInnerTolerance = 8;

const std::vector<Size> kSizes = {
    {1, 0, {1}, 1, 0},           {1, 1, {5}, 3, 1},         {2, 3, {16, 17}, 37, 2},
    {2, 1, {33}, 200, 3},        {3, 2, {5, 33, 9}, 29, 2}, {10, 1, {64, 70}, 3, 0},
    {10, 3, {17, 1, 16}, 31, 4}, {40, 3, {70, 33}, 3, 5},   {130, 2, {70, 9}, 2, 3},
};

// Parts of a gradient, in the order in which a call's results have them.
template <typename T>
Parts cut(const std::vector<T>& results, const Layers& layers) {
  Parts parts;
  auto from = results.begin();
  for (const std::vector<Numbers>* all : {&layers.weights, &layers.biases}) {
    for (const Numbers& numbers : *all) {
      const auto to = from + static_cast<std::ptrdiff_t>(numbers.size());
      parts.emplace_back(from, to);
      from = to;
    }
  }
  return parts;
}

struct Products {
  Real left = 0, right = 0, scale = 1;
};

// <c, J v> and <J^T c, v>, and the largest that either could be.
Products inner_products(const FieldNumbers& c, const FieldsOf<Real>& tangent, const Parts& gradient,
                        const Layers& vector) {
  Products products;
  for (std::size_t i = 0; i < c.size(); ++i) {
    for (std::size_t k = 0; k < c[i].size(); ++k) products.left += c[i][k] * tangent[i][k];
  }
  std::size_t part = 0;
  for (const std::vector<Numbers>* all : {&vector.weights, &vector.biases}) {
    for (const Numbers& numbers : *all) {
      for (std::size_t k = 0; k < numbers.size(); ++k) {
        products.right += gradient[part][k] * numbers[k];
        products.scale += std::fabs(gradient[part][k] * numbers[k]);
      }
      ++part;
    }
  }
  return products;
}

void are_right(const Residual& residual) {
  const Sample& sample = residual.samples[0];
  const Layers& vector = residual.vectors[0][0];
  const FieldsOf<Real> tangent = reference_tangent(sample, vector);
  const Parts expected(tangent.begin(), tangent.end());
  const std::string what = describe(sample);
  with_every_isa([&] {
    check_close(results_of<float>(Operation::kTangent, residual), expected, kTolerance, what + ", J v");
    check_close(results_of<double>(Operation::kTangent, residual), expected, kTolerance, what + ", J v");
    const Parts gradient = cut(results_of<double>(Operation::kCotangent, residual), vector);
    const auto [left, right, scale] = inner_products(residual.coefficients[0], tangent, gradient, vector);
    const auto error =
        static_cast<double>(std::fabs(left - right) / scale / std::numeric_limits<double>::epsilon());
    const std::string text = what + ", J^T c (" + cpu::selected_isa() + "): error " + std::to_string(error);
    if (verbose) std::printf("%s\n", text.c_str());
    check(error <= kInnerTolerance, text.c_str(), __FILE__, __LINE__);
    check_close(results_of<float>(Operation::kCotangent, residual), gradient, kTolerance, what + ", J^T c");
  });
}

void every_form_and_size_is_right() {
  Random random(3);
  for (const Form& form : kForms) {
    for (const Size& size : kSizes) {
      are_right(random_residual({random_sample(form, size, random)}, 1, false, false, random));
    }
  }
}

void every_activation_is_right() {
  Random random(4);
  for (const Form& form : kForms) {
    for (int i = 0; i < kActivations; ++i) {
      Sample sample = random_sample(form, {3, 2, {6, 4}, 9, 2}, random);
      sample.activations = {static_cast<Activation>(i), static_cast<Activation>((i + 1) % kActivations)};
      are_right(random_residual({sample}, 1, false, false, random));
    }
  }
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  every_form_and_size_is_right();
  every_activation_is_right();
  return result();
}
