// for_each_task: every task once, on a worker of its own at any time, what follows turn() in order.
#include <atomic>
#include <numeric>

#include "cpu/run.h"
#include "tests/check.h"
#include "tests/thread_pool.h"

namespace transjet::testing {
namespace {

constexpr std::size_t kTasks[] = {0, 1, 2, 3, 7, 64};

// Neither what a worker nor what follows turn() writes is locked: under a thread sanitizer, two at once are
// an error.
void runs_every_task_once(Pool& pool, std::size_t tasks, bool in_turns) {
  std::vector<int> runs(tasks, 0);
  std::vector<std::size_t> of_worker(pool.threads(), 0), order;
  bool workers_are_numbered = true;
  for_each_task(pool, tasks, [&](std::size_t worker, std::size_t task, const std::function<void()>& turn) {
    if (worker < of_worker.size()) ++of_worker[worker];
    ++runs[task];
    if (task % 3 == 0) std::this_thread::yield();
    if (!in_turns) return;
    turn();
    order.push_back(task);
    workers_are_numbered = workers_are_numbered && worker < pool.threads();
  });
  TRANSJET_CHECK(workers_are_numbered);
  TRANSJET_CHECK(std::all_of(runs.begin(), runs.end(), [](int count) { return count == 1; }));
  TRANSJET_CHECK(std::accumulate(of_worker.begin(), of_worker.end(), std::size_t{0}) == tasks);
  if (!in_turns) return;
  std::vector<std::size_t> expected(tasks);
  std::iota(expected.begin(), expected.end(), std::size_t{0});
  TRANSJET_CHECK(order == expected);
}

void runs_every_task_once_on(Pool& pool, int repeats) {
  for (int i = 0; i < repeats; ++i) {
    for (const std::size_t tasks : kTasks) {
      runs_every_task_once(pool, tasks, i % 2 == 0);
    }
  }
}

void any_pool_will_do() {
  Serial serial;
  runs_every_task_once_on(serial, 2);
  InlinePool inline_pool(4);
  runs_every_task_once_on(inline_pool, 2);
  for (const std::size_t threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    runs_every_task_once_on(pool, 100);
  }
}

// Scheduled tasks that start when all is done must do nothing: what they were to work on may be gone.
void late_helpers_do_nothing() {
  LatePool pool(8);
  std::size_t calls = 0;
  {
    const std::vector<std::size_t> numbers(5, 1);
    for_each_task(pool, numbers.size(), [&, numbers](std::size_t worker, std::size_t task, const auto& turn) {
      TRANSJET_CHECK(worker == 0);
      turn();
      calls += numbers[task];
    });
  }
  TRANSJET_CHECK(calls == 5 && pool.scheduled() == 4);
  pool.run_all();
  TRANSJET_CHECK(calls == 5);
}

// Threads are used: two tasks that wait for each other only end together.
void tasks_run_at_once() {
  ThreadPool pool(2);
  std::atomic<int> started{0};
  for_each_task(pool, 2, [&](std::size_t, std::size_t, const std::function<void()>& turn) {
    ++started;
    while (started < 2) std::this_thread::yield();
    turn();
  });
  TRANSJET_CHECK(started == 2);
}

// Called from all the pool's own threads, there is nobody left to help.
void calls_may_be_nested() {
  for (const std::size_t threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    std::vector<std::size_t> sums(6, 0);
    for_each_task(pool, sums.size(), [&](std::size_t, std::size_t outer, const std::function<void()>&) {
      for_each_task(pool, 10, [&](std::size_t, std::size_t inner, const std::function<void()>& turn) {
        turn();
        sums[outer] = 3 * sums[outer] + inner;
      });
    });
    for (const std::size_t sum : sums) TRANSJET_CHECK(sum == 14757);
  }
}

// Whole tiles, all of them, and neither too many tasks nor too small ones.
void tasks_cover_the_points() {
  for (const std::size_t tile : {1, 7, 112}) {
    for (const std::size_t points : {1, 27, 28, 29, 1791, 1792, 1793, 100000}) {
      const std::size_t block = cpu::points_per_task(points, tile);
      TRANSJET_CHECK(block % tile == 0 && block >= 4 * tile);
      TRANSJET_CHECK((points + block - 1) / block <= 64);
    }
  }
}

}  // namespace
}  // namespace transjet::testing

int main() {
  using namespace transjet::testing;
  any_pool_will_do();
  late_helpers_do_nothing();
  tasks_run_at_once();
  calls_may_be_nested();
  tasks_cover_the_points();
  return result();
}
