// Kernels on pools of threads: the same bits whatever the pool, and no waiting for threads that never come.
#include "tests/compare.h"
#include "tests/thread_pool.h"

namespace transjet::testing {
namespace {

template <typename T>
void results_do_not_depend_on_the_pool(const Residual& residual) {
  for (const Operation operation : kOperations) {
    const std::vector<T> expected = results_of<T>(operation, residual);
    const auto agrees = [&](Pool& pool) {
      TRANSJET_CHECK(same_bits(results_of<T>(operation, residual, pool), expected));
    };
    for (const std::size_t threads : {1, 2, 3, 8}) {
      ThreadPool pool(threads);
      agrees(pool);
    }
    InlinePool inline_pool(3);
    agrees(inline_pool);
    LatePool late(3);
    agrees(late);
    TRANSJET_CHECK(late.scheduled() == 2);
    late.run_all();  // its operands and its results are gone
  }
}

// Two of many calls at once, as XLA makes them, share nothing but the pool.
template <typename T>
void calls_run_side_by_side(const Residual& residual) {
  ThreadPool pool(3);
  std::vector<std::vector<T>> expected, results(std::size(kOperations));
  for (const Operation operation : kOperations) expected.push_back(results_of<T>(operation, residual));
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([&, i] { results[i] = results_of<T>(kOperations[i], residual, pool); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < results.size(); ++i) TRANSJET_CHECK(same_bits(results[i], expected[i]));
}

template <typename T>
void all() {
  Random random(7);
  for (const Form& form : kForms) {
    // Several tasks on every instruction set, the last of them smaller than the others.
    const std::size_t n = form.jet == Jet::kGradient ? 1501 : 701;
    const Size size{2, 1, {5, 3}, n, 2};
    const Residual residual = random_residual(
        {random_sample(form, size, random), random_sample(kForms[random.next() % 7], size, random)}, 2, true,
        true, random);
    results_do_not_depend_on_the_pool<T>(residual);
    calls_run_side_by_side<T>(residual);
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
