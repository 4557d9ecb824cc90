// (A + damping I)^-1 b against elimination in long double.
#include "tests/compare.h"
#include "tests/workspace.h"

namespace transjet::testing {
namespace {

// Of the residual, in units of double's epsilon times size times largest element; measured: at most 1.
constexpr long double kTolerance = 8;

struct System {
  std::size_t n;
  Numbers matrix, rhs;  // of the matrix, what is above the diagonal is NaN
  double damping;
};

// B B^T of a thin B: as singular as Gram matrices are.
System random_system(std::size_t n, Random& random) {
  const std::size_t rank = n / 2 + 1;
  const Numbers b = random.numbers(n * rank, 1);
  System system{n, Numbers(n * n, std::numeric_limits<double>::quiet_NaN()), random.numbers(n, 1), 0x1p-20};
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double product = 0;
      for (std::size_t k = 0; k < rank; ++k) product += b[i * rank + k] * b[j * rank + k];
      system.matrix[i * n + j] = static_cast<float>(product);
    }
    // What rounding to float has taken away.
    system.matrix[i * n + i] += static_cast<double>(rank) * 0x1p-22 * static_cast<double>(n);
    system.matrix[i * n + i] = static_cast<float>(system.matrix[i * n + i]);
  }
  return system;
}

template <typename T>
class SolveRun {
 public:
  SolveRun(const System& system, std::size_t misalignment) : operands_(misalignment), results_(misalignment) {
    call_ = {system.n, operands_.put(system.matrix), operands_.put(Numbers{system.damping}),
             operands_.put(system.rhs), results_.put(system.n)};
  }
  const cpu::CholeskySolveCall<T>& call() const { return call_; }
  std::vector<T> results() {
    TRANSJET_CHECK(operands_.intact() && results_.intact());
    return results_.contents();
  }

 private:
  Store<T> operands_, results_;
  cpu::CholeskySolveCall<T> call_{};
};

template <typename T>
std::vector<T> solve(const System& system, Pool& pool) {
  SolveRun<T> run(system, 1);
  cpu::run(cpu::kernels<T>().cholesky_solve, run.call(), pool);
  return run.results();
}

// |(A + damping I) x - b| is that of a backward stable method.
void solves(const System& system, const std::vector<double>& x) {
  const std::size_t n = system.n;
  long double worst = 0, largest = 1;
  for (std::size_t i = 0; i < n; ++i) {
    long double left =
        -static_cast<long double>(system.rhs[i]) + static_cast<long double>(system.damping) * x[i];
    for (std::size_t j = 0; j < n; ++j) {
      const double a = system.matrix[i > j ? i * n + j : j * n + i];
      left += static_cast<long double>(a) * x[j];
      largest = std::max(largest, std::fabs(static_cast<long double>(a) * x[j]));
    }
    worst =
        std::isnan(left) ? std::numeric_limits<long double>::infinity() : std::max(worst, std::fabs(left));
  }
  const long double unit = std::numeric_limits<double>::epsilon() * largest * static_cast<long double>(n);
  if (verbose) std::printf("n %zu: residual %Lg units\n", n, worst / unit);
  TRANSJET_CHECK(worst <= kTolerance * unit);
}

template <typename T>
void memory_and_pools(const System& system) {
  Serial serial;
  const std::vector<T> expected = solve<T>(system, serial);
  for (const int filling : kFillings) {
    SolveRun<T> run(system, 3);
    run_guarded(cpu::kernels<T>().cholesky_solve, run.call(), filling);
    TRANSJET_CHECK(same_bits(run.results(), expected));
  }
  with_every_pool([&](Pool& pool) { TRANSJET_CHECK(same_bits(solve<T>(system, pool), expected)); });
}

void systems_are_solved() {
  Random random(9);
  for (const std::size_t n : {1, 2, 3, 31, 63, 64, 65, 128, 130, 257}) {
    const System system = random_system(n, random);
    with_every_isa([&] {
      Serial serial;
      const std::vector<double> x = solve<double>(system, serial);
      solves(system, x);
      const std::vector<float> rounded = solve<float>(system, serial);
      for (std::size_t i = 0; i < n; ++i) TRANSJET_CHECK(rounded[i] == static_cast<float>(x[i]));
      memory_and_pools<float>(system);
      memory_and_pools<double>(system);
    });
  }
}

// In whichever block it shows.
void what_is_not_positive_definite_gives_nan() {
  Random random(10);
  for (const std::size_t at : {0, 5, 63, 64, 100, 129}) {
    System system = random_system(130, random);
    system.matrix[at * 130 + at] = -1;
    with_every_isa([&] {
      Serial serial;
      for (const double x : solve<double>(system, serial)) TRANSJET_CHECK(!std::isfinite(x));
      for (const float x : solve<float>(system, serial)) TRANSJET_CHECK(!std::isfinite(x));
    });
  }
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  systems_are_solved();
  what_is_not_positive_definite_gives_nan();
  return result();
}
