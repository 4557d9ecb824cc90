// Pools for the tests: plain threads, and the extremes of what a pool may do with a task.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/parallel.h"

namespace transjet::testing {

class ThreadPool final : public Pool {
 public:
  // The caller counts as one of the threads.
  explicit ThreadPool(std::size_t threads) {
    for (std::size_t i = 1; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  // Runs what is left.
  ~ThreadPool() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  std::size_t threads() const override { return threads_.size() + 1; }
  void schedule(std::function<void()> task) override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_one();
  }

 private:
  void work() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

// Says that it has threads but runs every task at once, on the caller's.
class InlinePool final : public Pool {
 public:
  explicit InlinePool(std::size_t threads) : threads_(threads) {}
  std::size_t threads() const override { return threads_; }
  void schedule(std::function<void()> task) override { task(); }

 private:
  std::size_t threads_;
};

// Runs no task until it is told to.
class LatePool final : public Pool {
 public:
  explicit LatePool(std::size_t threads) : threads_(threads) {}
  std::size_t threads() const override { return threads_; }
  void schedule(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
  std::size_t scheduled() const { return tasks_.size(); }
  void run_all() {
    for (const std::function<void()>& task : tasks_) task();
  }

 private:
  std::size_t threads_;
  std::vector<std::function<void()>> tasks_;
};

}  // namespace transjet::testing
