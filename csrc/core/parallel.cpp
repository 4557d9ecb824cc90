#include "core/parallel.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>

namespace transjet {
namespace {

struct State {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t next = 0;      // first task that nobody has taken
  std::size_t finished = 0;  // tasks [0, finished) have returned
  std::size_t workers = 1;   // that have started
  std::size_t active = 0;    // workers beside the caller that are at work
};

using Body = std::function<void(std::size_t, std::size_t, const std::function<void()>&)>;

void work(State& state, std::size_t worker, std::size_t tasks, const Body& body) {
  std::unique_lock<std::mutex> lock(state.mutex);
  while (state.next < tasks) {
    const std::size_t task = state.next++;
    lock.unlock();
    const std::function<void()> turn = [&] {
      std::unique_lock<std::mutex> waiting(state.mutex);
      state.changed.wait(waiting, [&] { return state.finished == task; });
    };
    body(worker, task, turn);
    lock.lock();
    // The task before has passed its turn, so this one is the next to finish.
    state.finished = task + 1;
    state.changed.notify_all();
  }
}

}  // namespace

void for_each_task(Pool& pool, std::size_t tasks, const Body& body) {
  if (tasks == 0) return;
  // Helpers that start after the caller has returned find no task left; the state outlives them, the body
  // does not.
  const auto state = std::make_shared<State>();
  const std::size_t helpers = std::min(pool.threads(), tasks);
  for (std::size_t i = 1; i < helpers; ++i) {
    pool.schedule([state, tasks, &body] {
      std::size_t worker = 0;
      {
        const std::lock_guard<std::mutex> lock(state->mutex);
        if (state->next >= tasks) return;
        worker = state->workers++;
        ++state->active;
      }
      work(*state, worker, tasks, body);
      const std::lock_guard<std::mutex> lock(state->mutex);
      --state->active;
      state->changed.notify_all();
    });
  }
  work(*state, 0, tasks, body);
  std::unique_lock<std::mutex> lock(state->mutex);
  state->changed.wait(lock, [&] { return state->active == 0; });
}

}  // namespace transjet
