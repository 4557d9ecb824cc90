// J J^T on a GPU, emulated: every jet and residual against products of rows of the Jacobian, in all
// precisions, and what the engine promises of it.
#include "cuda/gram_plan.h"
#include "tests/cuda_calls.h"
#include "tests/gram_calls.h"

namespace transjet::testing {
namespace {

using cuda::Options;
using cuda::Precision;

// In units of epsilon times 1 + the largest product; measured: at most 4, and 52.
constexpr double kTolerance = 12, kBf16Tolerance = 150;

constexpr double kUnwritten = std::numeric_limits<double>::quiet_NaN();

template <typename T, typename R>
std::vector<R> cuda_gram_of(const Residual& residual, const Options& options = {}, int filling = 0xff,
                            bool frozen = false) {
  GramRun<T, R> run(residual, 1, kUnwritten, frozen);
  const Workspace memory(cuda::workspace_bytes(run.call(), options), filling);
  TRANSJET_CHECK(cuda::run(run.call(), options, memory.data(), cuda::Stream{}) == 0);
  TRANSJET_CHECK(memory.intact());
  return run.results();
}

Parts cpu_gram_of(const Residual& residual, bool frozen = false) {
  GramRun<double, double> run(residual, 1, 0, frozen);
  Serial pool;
  cpu::run(cpu::kernels<double>().gram, run.call(), pool);
  const std::vector<double> results = run.results();
  return {{results.begin(), results.end()}};
}

Residual residual_of(const std::vector<Form>& forms, const Size& base, Random& random) {
  std::vector<Sample> samples;
  for (const Form& form : forms) {
    Size size = base;
    size.hidden.resize(size.hidden.size() + samples.size(), 6);
    samples.push_back(random_sample(form, size, random));
  }
  return random_residual(samples, 1, false, false, random);
}

std::string text_of(const Residual& residual) {
  std::string text = "gram";
  for (const Sample& sample : residual.samples) text += "; " + describe(sample);
  return text;
}

// The layers of a residual that are factored, and those that are not.
std::pair<int, int> forms_of(const Residual& residual) {
  GramRun<float, float> run(residual, 0);
  std::pair<int, int> count{0, 0};
  for (int t = 0; t < run.call().terms; ++t) {
    const JetProblem<float>& problem = run.call().term[t].problem;
    for (int l = 1; l + 1 < problem.network.depth; ++l)
      ++(cuda::is_factored(problem, l) ? count.first : count.second);
  }
  return count;
}

template <typename T, typename R>
void is_right(const Residual& residual, const Parts& expected, const Options& options = {}) {
  const std::size_t n = residual.samples[0].n;
  const bool coarse = sizeof(T) == 4 && options.precision == Precision::kBf16x3;
  const double scale = std::numeric_limits<T>::epsilon() / std::numeric_limits<R>::epsilon();
  const std::vector<R> products = cuda_gram_of<T, R>(residual, options);
  check_close(products, expected, scale * (coarse ? kBf16Tolerance : kTolerance),
              text_of(residual) + (sizeof(R) > sizeof(T) ? ", precise" : ""));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) TRANSJET_CHECK(products[i * n + j] == products[j * n + i]);
  }
}

void is_right_in_all_types(const Residual& residual, const Parts& expected, const Options& options = {}) {
  is_right<float, float>(residual, expected, options);
  is_right<float, double>(residual, expected, options);
  is_right<double, double>(residual, expected, options);
}

const std::vector<Size> kSizes = {
    {1, 0, {1}, 1, 1},        // fewer numbers than a vector
    {1, 1, {18, 17}, 37, 3},  // few streams of wide layers: products of factors
    {2, 2, {37, 5, 70}, 3, 2}, {5, 1, {33, 64}, 14, 2},
    {3, 1, {20, 130}, 9, 2},  // too wide for the fused kernels
};

void every_jet_is_right() {
  Random random(51);
  std::pair<int, int> seen{0, 0};
  for (const Form& form : kForms) {
    for (const Size& size : kSizes) {
      const Residual residual = residual_of({form}, size, random);
      is_right_in_all_types(residual, products_of_rows(residual));
      const std::pair<int, int> count = forms_of(residual);
      seen = {seen.first + count.first, seen.second + count.second};
    }
  }
  TRANSJET_CHECK(seen.first > 5 && seen.second > 5);
}

void networks_of_a_residual_add_up() {
  Random random(52);
  for (const std::vector<Form>& forms : {std::vector<Form>{kForms[4], kForms[0]},
                                         {kForms[2], kForms[6], kForms[0]},
                                         {kForms[3], kForms[1], kForms[5]}}) {
    const Residual residual = residual_of(forms, {2, 1, {40, 33}, 23, 2}, random);
    is_right_in_all_types(residual, products_of_rows(residual));
  }
}

void every_precision_is_right() {
  Random random(53);
  for (const Form& form : {kForms[0], kForms[1], kForms[6]}) {
    const Residual residual = residual_of({form}, {3, 1, {34, 21}, 19, 2}, random);
    const Parts expected = products_of_rows(residual);
    for (const Precision precision : {Precision::kIeee, Precision::kBf16x3})
      is_right_in_all_types(residual, expected, {precision});
  }
}

// 64 x 64 weights of six streams: more columns than a block has. Two and three streams: products of factors.
void large_networks_are_right() {
  Random random(54);
  for (const Form& form : {kForms[0], kForms[4], kForms[5]}) {
    const Residual residual = residual_of({form}, {5, 1, {64, 64}, 50, 2}, random);
    is_right_in_all_types(residual, products_of_rows(residual));
  }
  const Residual residual = residual_of({kForms[4]}, {5, 1, {64, 64}, 1, 0}, random);
  GramRun<float, float> run(residual, 0);
  const JetProblem<float>& problem = run.call().term[0].problem;
  const cuda::ColumnShape shape = cuda::column_shape(problem, 1);
  TRANSJET_CHECK(!cuda::is_factored(problem, 1) && cuda::rows_at_once(shape, 50, 4) < shape.rows);
}

// Without slots: tiles alone fill a GPU.
void many_points_are_right() {
  Random random(55);
  const Residual residual = residual_of({kForms[0]}, {1, 0, {3}, 1800, 0}, random);
  TRANSJET_CHECK(cuda::gram_slots(1800) == 1 && cuda::gram_slots(1000) > 1);
  is_right<float, float>(residual, cpu_gram_of(residual));
}

// Sums of blocks of columns are added up in double.
void precise_results_are_double() {
  Random random(62);
  const Residual residual = residual_of({kForms[4]}, {5, 1, {64, 64}, 4, 2}, random);
  for (const double x : cuda_gram_of<float, double>(residual))
    TRANSJET_CHECK(x != static_cast<double>(static_cast<float>(x)));
}

void frozen_layers_have_no_part() {
  Random random(56);
  const Residual residual = residual_of({kForms[1], kForms[4]}, {2, 1, {9, 6}, 11, 0}, random);
  const Parts expected = cpu_gram_of(residual, true), all = cpu_gram_of(residual);
  TRANSJET_CHECK(expected[0][0] < all[0][0]);
  check_close(cuda_gram_of<float, float>(residual, {}, 0xff, true), expected, kTolerance, "gram, frozen");
  check_close(cuda_gram_of<double, double>(residual, {}, 0xff, true), expected, kTolerance, "gram, frozen");
}

// Chunks of one point, of a few and of all of them; any order of threads; any contents of memory.
template <typename T, typename R>
void results_repeat() {
  Random random(57);
  for (const std::vector<Form>& forms : {std::vector<Form>{kForms[6], kForms[0]}, {kForms[1]}, {kForms[5]}}) {
    const int width =
        forms[0].jet == Jet::kLaplacian ? 37 : 130;  // for the fused kernels, and for those in chunks
    const Residual residual = residual_of(forms, {2, 1, {width, 21}, 24, 2}, random);
    const std::vector<R> expected = cuda_gram_of<T, R>(residual);
    for (const std::size_t limit : {std::size_t{1}, std::size_t{1} << 17}) {
      Options options;
      options.workspace_limit = limit;
      TRANSJET_CHECK(same_bits(cuda_gram_of<T, R>(residual, options), expected));
    }
    for (const int filling : {0x00, 0x7b})
      TRANSJET_CHECK(same_bits(cuda_gram_of<T, R>(residual, {}, filling), expected));
    in_either_order([&] { TRANSJET_CHECK(same_bits(cuda_gram_of<T, R>(residual), expected)); });
  }
}

template <typename T, typename R>
void bad_points_stay_alone() {
  Random random(58);
  const std::size_t n = 70;
  for (const Form& form : {kForms[0], kForms[4]}) {
    Residual residual = residual_of({form}, {5, 1, {18, 17}, n, 2}, random);
    const std::vector<R> expected = cuda_gram_of<T, R>(residual);
    for (const std::size_t bad : {std::size_t{0}, std::size_t{64}, n - 1}) {
      Residual spoilt = residual;
      spoilt.samples[0].x[bad * 5] = std::numeric_limits<double>::quiet_NaN();
      const std::vector<R> products = cuda_gram_of<T, R>(spoilt);
      for (std::size_t i = 0; i < n * n; ++i) {
        const bool touched = i / n == bad || i % n == bad;
        TRANSJET_CHECK(touched ? std::isnan(products[i]) : products[i] == expected[i]);
      }
    }
  }
}

void no_points_are_legal() {
  Random random(59);
  const Residual residual = residual_of({kForms[4], kForms[0]}, {2, 1, {4, 3}, 0, 2}, random);
  TRANSJET_CHECK((cuda_gram_of<float, double>(residual).empty()));
}

// For many points the factors and a block of columns, far from the whole Jacobian; no arrays are read.
void workspaces_are_bounded() {
  Random random(60);
  const std::size_t n = 8192;
  Sample sample = random_sample(kForms[4], {10, 2, {256, 256, 256}, 1, 0}, random);
  const Residual residual = random_residual({sample}, 1, false, false, random);
  GramRun<float, double> run(residual, 0);
  cpu::Term<float> term = run.call().term[0];
  term.problem.points.count = n;
  const std::size_t bytes = cuda::workspace_bytes(cpu::GramCall<float, double>{1, &term, nullptr}, {});
  const std::size_t rows = n * 11 * 256, factors = 6 * rows * sizeof(float),
                    jacobian = n * 2 * 256 * 256 * sizeof(float);
  TRANSJET_CHECK(bytes > factors && bytes < factors + (std::size_t{48} << 20) && 4 * bytes < jacobian);
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  every_jet_is_right();
  networks_of_a_residual_add_up();
  every_precision_is_right();
  large_networks_are_right();
  many_points_are_right();
  frozen_layers_have_no_part();
  results_repeat<float, float>();
  results_repeat<float, double>();
  results_repeat<double, double>();
  bad_points_stay_alone<float, float>();
  bad_points_stay_alone<double, double>();
  precise_results_are_double();
  no_points_are_legal();
  workspaces_are_bounded();
  return result();
}
