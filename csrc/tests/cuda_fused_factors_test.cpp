// The fused factors: what J^T c becomes when it is summed from them, against the kernel of the cpu backend.
#include "tests/cuda_fused.h"

namespace transjet::testing {
namespace {

// In units of epsilon, relative to the largest number of a layer's gradient. Measured: at most a third of it.
constexpr double kTolerance = 20;

using Matrix = std::vector<std::vector<long double>>;

// Factors of every hidden layer, without the padding.
template <typename T>
struct Factors {
  std::vector<Matrix> h, zbar;
};

template <typename T>
Matrix unpadded(const T* rows, std::size_t count, std::size_t width, std::size_t padded_width) {
  Matrix matrix(count);
  for (std::size_t r = 0; r < count; ++r)
    matrix[r].assign(rows + r * padded_width, rows + r * padded_width + width);
  return matrix;
}

// In two chunks, if there are two points.
template <typename Way, int kWidth>
Factors<typename Way::T> fused(const Residual& residual) {
  using T = typename Way::T;
  const Sample& sample = residual.samples[0];
  const cuda::Shape shape = cuda::stream_shape(sample.form.jet, sample.count);
  const std::size_t rows = sample.n * static_cast<std::size_t>(shape.count()),
                    hidden = sample.widths.size() - 2;
  Store<T> operands(1);
  const JetProblem<T> problem = operands.put(sample);
  const Fields<T> c = operands.put_fields(sample, &residual.coefficients[0]);
  PackedParameters<T> packed(problem, problem.parameters, kWidth);
  std::deque<DeviceMemory<T>> h, zbar;
  for (std::size_t l = 0; l < hidden; ++l) {
    h.emplace_back(rows * kWidth);
    zbar.emplace_back(rows * kWidth);
  }
  for (const auto& [begin, end] :
       {std::pair{std::size_t{0}, sample.n / 2}, std::pair{sample.n / 2, sample.n}}) {
    cuda::FusedFactors<T> call{cuda::fused_problem(problem, packed.view, shape, begin, end - begin),
                               {c.value, c.dt, c.grad, c.second},
                               {},
                               {}};
    const std::size_t offset = begin * static_cast<std::size_t>(shape.count()) * kWidth;
    for (std::size_t l = 0; l < hidden; ++l) {
      call.h.layer[l] = h[l].data() + offset;
      call.zbar.layer[l] = zbar[l].data() + offset;
    }
    run_fused<Way>(call);
  }
  Factors<T> factors;
  for (std::size_t l = 0; l < hidden; ++l) {
    TRANSJET_CHECK(h[l].intact() && zbar[l].intact());
    const auto width = static_cast<std::size_t>(sample.widths[l + 1]);
    factors.h.push_back(unpadded(h[l].data(), rows, width, kWidth));
    factors.zbar.push_back(unpadded(zbar[l].data(), rows, width, kWidth));
  }
  TRANSJET_CHECK(operands.intact() && packed.memory.intact());
  return factors;
}

Numbers direction(const Sample& sample, std::size_t n, std::size_t k) {
  const auto d = static_cast<std::size_t>(sample.d), count = static_cast<std::size_t>(sample.count);
  if (sample.form.kind == DirectionKind::kShared) return row(sample.directions, k, d);
  if (sample.form.kind == DirectionKind::kPoint) return row(sample.directions, n * count + k, d);
  Numbers unit(d);
  unit[k] = 1;
  return unit;
}

// What enters the first layer and what weights the outputs of the last one, a row for every stream.
void add_ends(const Residual& residual, std::size_t n, Matrix& inputs, Matrix& weights) {
  const Sample& sample = residual.samples[0];
  const FieldNumbers& c = residual.coefficients[0];
  const auto d = static_cast<std::size_t>(sample.d), f = static_cast<std::size_t>(sample.f);
  const cuda::Shape shape = cuda::stream_shape(sample.form.jet, sample.count);
  const auto add = [&](Numbers x, Numbers tau, Numbers output) {
    x.insert(x.end(), tau.begin(), tau.end());
    x.resize(d + f);
    inputs.emplace_back(x.begin(), x.end());
    output.resize(static_cast<std::size_t>(sample.widths.back()));
    weights.emplace_back(output.begin(), output.end());
  };
  const bool scalar = sample.form.jet != Jet::kDivergence;
  add(row(sample.x, n, d), row(sample.tau, n, f), row(c[0], n, scalar ? 1 : d));
  if (shape.time) {
    Numbers speed = row(sample.dtau, n, f);
    for (double& x : speed) x *= c[1][n];
    add(row(c[2], n, d), speed, {1});
  }
  if (shape.second) add({}, {}, {c[3][n]});
  for (std::size_t k = 0; k < static_cast<std::size_t>(shape.tangents); ++k) {
    Numbers output = direction(sample, n, k);
    for (double& x : output) x *= scalar ? 0 : c[3][n];
    add(direction(sample, n, k), {}, output);
  }
}

// Of each layer, weights and then biases: sums of rows of what enters it and the adjoints of what leaves it.
template <typename T>
std::vector<T> gradient(const Residual& residual, const Factors<T>& factors) {
  const Sample& sample = residual.samples[0];
  Matrix inputs, weights;
  for (std::size_t n = 0; n < sample.n; ++n) add_ends(residual, n, inputs, weights);
  const auto streams = static_cast<std::size_t>(cuda::stream_shape(sample.form.jet, sample.count).count());
  std::vector<Matrix> in{inputs}, out(factors.zbar);
  in.insert(in.end(), factors.h.begin(), factors.h.end());
  out.push_back(weights);
  std::vector<T> matrices, biases;
  for (std::size_t l = 0; l < in.size(); ++l) {
    const auto fan_in = static_cast<std::size_t>(sample.widths[l]),
               fan_out = static_cast<std::size_t>(sample.widths[l + 1]);
    std::vector<long double> matrix(fan_in * fan_out), bias(fan_out);
    for (std::size_t r = 0; r < in[l].size(); ++r) {
      for (std::size_t j = 0; j < fan_out; ++j) {
        for (std::size_t i = 0; i < fan_in; ++i) matrix[i * fan_out + j] += in[l][r][i] * out[l][r][j];
        if (r % streams == 0) bias[j] += out[l][r][j];
      }
    }
    matrices.insert(matrices.end(), matrix.begin(), matrix.end());
    biases.insert(biases.end(), bias.begin(), bias.end());
  }
  matrices.insert(matrices.end(), biases.begin(), biases.end());
  return matrices;
}

// The same by the kernel of the cpu backend, in double.
Parts expected_gradient(const Residual& residual) {
  const std::vector<double> numbers = results_of<double>(Operation::kCotangent, residual);
  const Layers& parameters = residual.samples[0].parameters;
  Parts parts;
  std::size_t at = 0;
  for (const std::vector<Numbers>* part : {&parameters.weights, &parameters.biases}) {
    for (const Numbers& layer : *part) {
      const auto start = numbers.begin() + static_cast<std::ptrdiff_t>(at);
      parts.emplace_back(start, start + static_cast<std::ptrdiff_t>(layer.size()));
      at += layer.size();
    }
  }
  return parts;
}

template <typename Way, int kWidth>
void is_right(const Residual& residual, const Parts& expected) {
  in_both_orders([&] {
    const auto factors = fused<Way, kWidth>(residual);
    check_close(gradient(residual, factors), expected, Way::tolerance(kTolerance),
                Way::name() + describe(residual.samples[0]));
  });
}

template <int kWidth>
void every_form_is_right(const std::vector<Size>& sizes) {
  Random random(5);
  for (const Form& form : kForms) {
    for (const Size& size : sizes) {
      const Residual residual = random_residual({random_sample(form, size, random)}, 0, false, false, random);
      const Parts expected = expected_gradient(residual);
      with_every_way([&](auto way) { is_right<decltype(way), kWidth>(residual, expected); });
    }
  }
}

bool all_nan(const std::vector<long double>& numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](long double x) { return std::isnan(x); });
}

// Bit for bit, all rows but those of the broken point are what they were.
void nan_stays_with_its_point() {
  Random random(6);
  for (const Form& form : kForms) {
    Residual residual =
        random_residual({random_sample(form, {3, 1, {37, 20}, 60, 2}, random)}, 0, false, false, random);
    residual.samples[0].activations = {Activation::kTanh, Activation::kGelu};
    Residual broken = residual;
    broken.samples[0].x[7 * 3 + 1] = std::nan("");
    const auto streams =
        static_cast<std::size_t>(cuda::stream_shape(form.jet, residual.samples[0].count).count());
    const auto clean = fused<Default, 64>(residual), results = fused<Default, 64>(broken);
    for (std::size_t l = 0; l < clean.h.size(); ++l) {
      for (std::size_t r = 0; r < clean.h[l].size(); ++r) {
        if (r / streams != 7) {
          TRANSJET_CHECK(results.h[l][r] == clean.h[l][r] && results.zbar[l][r] == clean.zbar[l][r]);
        } else if (r % streams == 0) {
          TRANSJET_CHECK(all_nan(results.h[l][r]) && all_nan(results.zbar[l][r]));
        }
      }
    }
  }
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  every_form_is_right<64>(
      {{1, 0, {5}, 1, 1}, {2, 3, {37, 64}, 3, 2}, {3, 2, {64, 37, 10}, 40, 4}, {2, 1, {8, 9}, 0, 1}});
  every_form_is_right<128>({{10, 2, {128, 70, 100}, 11, 3}});
  nan_stays_with_its_point();
  return result();
}
