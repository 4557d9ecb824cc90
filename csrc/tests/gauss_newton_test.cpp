// gauss_newton against the products of single networks that it stands for: J^T u with u = W (J v + offset),
// from the tangents and cotangents in double.
#include "tests/compare.h"

namespace transjet::testing {
namespace {

constexpr double kTolerance = 80;  // in units of epsilon; measured: at most 18

constexpr Form kGradient = kForms[0], kLaplacian = kForms[1], kLaplacianShared = kForms[2],
               kLaplacianPoint = kForms[3], kDivergence = kForms[4], kDivergenceShared = kForms[5],
               kDivergencePoint = kForms[6];

const std::vector<std::vector<Form>> kResiduals = {
    {kGradient},
    {kLaplacian},
    {kLaplacianShared},
    {kLaplacianPoint},
    {kDivergence},
    {kDivergenceShared},
    {kDivergencePoint},
    {kDivergence, kGradient},
    {kGradient, kLaplacianPoint},
    {kLaplacianShared, kDivergencePoint, kGradient},
    {kDivergencePoint, kLaplacian, kDivergenceShared},
};

const std::vector<Size> kSizes = {
    {2, 1, {5}, 37, 3}, {10, 3, {17, 33}, 31, 2}, {1, 0, {1, 16, 5}, 130, 0}, {3, 1, {70, 7}, 1, 1}};

// c . (J v) of one term at every point.
Numbers contract(const Sample& sample, const FieldNumbers& c, const std::vector<double>& tangent) {
  Numbers total(sample.n);
  std::size_t at = 0;
  for (std::size_t i = 0; i < c.size(); ++i) {
    const std::size_t width = field_widths(sample)[i];
    for (std::size_t k = 0; k < c[i].size(); ++k) total[k / width] += c[i][k] * tangent[at++];
  }
  return total;
}

// The coefficients, each point's times u.
FieldNumbers scale(const Sample& sample, FieldNumbers c, const Numbers& u) {
  for (std::size_t i = 0; i < c.size(); ++i) {
    for (std::size_t k = 0; k < c[i].size(); ++k) c[i][k] *= u[k / field_widths(sample)[i]];
  }
  return c;
}

// The products, each sample's weights and biases, and u of all vectors behind them.
Parts compose(const Residual& residual) {
  const std::size_t n = residual.samples[0].n;
  Parts parts;
  std::vector<long double> weighted;
  for (std::size_t j = 0; j < residual.vectors.size(); ++j) {
    std::vector<Residual> single;
    Numbers u(n);
    for (std::size_t i = 0; i < residual.samples.size(); ++i) {
      const Sample& sample = residual.samples[i];
      single.push_back({{sample}, {residual.coefficients[i]}, {{residual.vectors[j][i]}}, {}, {}});
      const Numbers part =
          contract(sample, residual.coefficients[i], results_of<double>(Operation::kTangent, single[i]));
      for (std::size_t p = 0; p < n; ++p) u[p] += part[p];
    }
    for (std::size_t p = 0; p < n; ++p) {
      if (!residual.offset.empty()) u[p] += residual.offset[j * n + p];
      if (!residual.weights.empty()) u[p] *= residual.weights[p];
    }
    for (std::size_t i = 0; i < single.size(); ++i) {
      single[i].coefficients[0] = scale(residual.samples[i], residual.coefficients[i], u);
      const std::vector<double> product = results_of<double>(Operation::kCotangent, single[i]);
      parts.emplace_back(product.begin(), product.end());
    }
    weighted.insert(weighted.end(), u.begin(), u.end());
  }
  parts.push_back(weighted);
  return parts;
}

void is_composed(const Residual& residual) {
  const Parts expected = compose(residual);
  std::string what = std::to_string(residual.vectors.size()) + " vectors";
  if (!residual.weights.empty()) what += ", weights";
  if (!residual.offset.empty()) what += ", offset";
  for (const Sample& sample : residual.samples) what += "; " + describe(sample);
  with_every_isa([&] {
    check_close(results_of<float>(Operation::kGaussNewton, residual), expected, kTolerance, what);
    check_close(results_of<double>(Operation::kGaussNewton, residual), expected, kTolerance, what);
  });
}

void every_residual_is_composed() {
  Random random(5);
  for (std::size_t i = 0; i < kResiduals.size(); ++i) {
    for (std::size_t k = 0; k < 2 * kSizes.size(); ++k) {
      std::vector<Sample> samples;
      for (const Form& form : kResiduals[i]) {
        // Networks of one residual differ, too.
        Size size = kSizes[k % kSizes.size()];
        size.hidden.resize(size.hidden.size() + samples.size(), 6);
        samples.push_back(random_sample(form, size, random));
      }
      const bool weighted = (i + k) % 4 < 2, shifted = (i + k) % 2 == 0;
      is_composed(random_residual(samples, k < kSizes.size() ? 1 : 3, weighted, shifted, random));
    }
  }
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  every_residual_is_composed();
  return result();
}
