// Running numbered tasks on the threads of somebody's pool.
#pragma once

#include <cstddef>
#include <functional>

namespace transjet {

class Pool {
 public:
  virtual ~Pool() = default;
  // Threads that may run at once, the caller's included.
  virtual std::size_t threads() const = 0;
  // Runs the task at some time on some thread.
  virtual void schedule(std::function<void()> task) = 0;
};

// The caller alone.
class Serial final : public Pool {
 public:
  std::size_t threads() const override { return 1; }
  void schedule(std::function<void()> task) override { task(); }
};

// Calls body(worker, task, turn) for every task in [0, tasks), on at most pool.threads() workers, the caller
// being worker 0, and returns when all are done. If the bodies call turn(), what follows that call happens in
// the order of the tasks, one at a time; either all of them call it or none.
//
// Never waits for a thread that has not started, so it may be called from the pool's own threads, and body
// must not throw.
void for_each_task(
    Pool& pool, std::size_t tasks,
    const std::function<void(std::size_t worker, std::size_t task, const std::function<void()>& turn)>& body);

}  // namespace transjet
