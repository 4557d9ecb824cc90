// Runge-Kutta steps of particles against the same steps in long double.
#include "tests/compare.h"
#include "tests/reference.h"
#include "tests/workspace.h"

namespace transjet::testing {
namespace {

constexpr double kTolerance = 40;  // in units of epsilon
constexpr Form kDivergence = kForms[4];

struct Problem {
  Sample sample;  // with tau of 2 steps + 1 moments
  std::size_t steps;
  double step;
};

Problem random_problem(const Size& size, std::size_t steps, Random& random) {
  Problem problem{random_sample(kDivergence, size, random), steps, size.d % 2 == 0 ? 0.25 : -0.125};
  problem.sample.tau = random.numbers((2 * steps + 1) * static_cast<std::size_t>(size.f), 1);
  return problem;
}

// Rates of the particles and of the integral: field 0 and field 3 of the reference at other positions and
// times.
FieldsOf<Real> rates(const Problem& problem, const std::vector<Real>& x, std::size_t moment) {
  Sample sample = problem.sample;
  const auto f = static_cast<std::size_t>(sample.f);
  // The reference takes its points in double; what that rounds is far below what is tested.
  sample.x.assign(x.begin(), x.end());
  sample.tau.clear();
  for (std::size_t n = 0; n < sample.n; ++n) {
    const Numbers features = row(problem.sample.tau, moment, f);
    sample.tau.insert(sample.tau.end(), features.begin(), features.end());
  }
  sample.dtau = sample.tau;
  return reference_forward(sample);
}

Parts follow_particles(const Problem& problem) {
  std::vector<Real> x(problem.sample.x.begin(), problem.sample.x.end()), change(problem.sample.n, 0);
  const Real h = problem.step, reach[] = {0, h / 2, h / 2, h}, weight[] = {h / 6, h / 3, h / 3, h / 6};
  const std::size_t moment[] = {0, 1, 1, 2};
  for (std::size_t step = 0; step < problem.steps; ++step) {
    std::vector<Real> end = x;
    FieldsOf<Real> rate;
    for (int s = 0; s < 4; ++s) {
      std::vector<Real> stage = x;
      for (std::size_t i = 0; s > 0 && i < x.size(); ++i) stage[i] += reach[s] * rate[0][i];
      rate = rates(problem, stage, 2 * step + moment[s]);
      for (std::size_t i = 0; i < x.size(); ++i) end[i] += weight[s] * rate[0][i];
      for (std::size_t n = 0; n < change.size(); ++n) change[n] += weight[s] * rate[3][n];
    }
    x = end;
  }
  return {x, change};
}

template <typename T>
class TransportRun {
 public:
  TransportRun(const Problem& problem, std::size_t misalignment)
      : operands_(misalignment), results_(misalignment) {
    const Sample& s = problem.sample;
    JetProblem<T> jet = operands_.put(s);
    jet.points.dtau = nullptr;
    call_ = {jet, problem.steps, operands_.put(Numbers{problem.step}),
             results_.put(s.n * static_cast<std::size_t>(s.d)), results_.put(s.n)};
  }
  const cpu::TransportCall<T>& call() const { return call_; }
  std::vector<T> results() {
    TRANSJET_CHECK(operands_.intact() && results_.intact());
    return results_.contents();
  }

 private:
  Store<T> operands_, results_;
  cpu::TransportCall<T> call_{};
};

template <typename T>
std::vector<T> transport(const Problem& problem, Pool& pool) {
  TransportRun<T> run(problem, 1);
  cpu::run(cpu::kernels<T>().ode_transport, run.call(), problem.sample.n, pool);
  return run.results();
}

template <typename T>
void is_right(const Problem& problem, const Parts& expected) {
  const std::size_t n = problem.sample.n, d = static_cast<std::size_t>(problem.sample.d);
  Serial serial;
  const std::vector<T> ends = transport<T>(problem, serial);
  check_close(ends, expected, kTolerance, "transport, " + describe(problem.sample));
  for (const int filling : kFillings) {
    TransportRun<T> run(problem, 3);
    run_guarded(cpu::kernels<T>().ode_transport, run.call(), n, filling);
    TRANSJET_CHECK(same_bits(run.results(), ends));
  }
  with_every_pool([&](Pool& pool) { TRANSJET_CHECK(same_bits(transport<T>(problem, pool), ends)); });
  if (n == 0) return;
  Problem spoilt = problem;
  const std::size_t bad = n / 2;
  spoilt.sample.x[bad * d] = std::numeric_limits<double>::quiet_NaN();
  std::vector<T> alone = transport<T>(spoilt, serial);
  TRANSJET_CHECK(std::isnan(alone[bad * d]) && std::isnan(alone[n * d + bad]));
  std::copy_n(ends.begin() + static_cast<std::ptrdiff_t>(bad * d), d,
              alone.begin() + static_cast<std::ptrdiff_t>(bad * d));
  alone[n * d + bad] = ends[n * d + bad];
  TRANSJET_CHECK(same_bits(alone, ends));
}

void particles_are_followed() {
  Random random(11);
  const Size sizes[] = {{1, 0, {1}, 1, 0},       {2, 1, {16, 17}, 301, 0}, {3, 2, {5}, 3, 0},
                        {10, 1, {33, 7}, 40, 0}, {2, 2, {6, 6, 6}, 0, 0},  {20, 0, {18}, 17, 0}};
  for (const Size& size : sizes) {
    const Problem problem = random_problem(size, size.n > 100 ? 1 : 3, random);
    const Parts expected = follow_particles(problem);
    with_every_isa([&] {
      is_right<float>(problem, expected);
      is_right<double>(problem, expected);
    });
  }
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  particles_are_followed();
  return result();
}
