// XLA's intra-op threads as a Pool.
#pragma once

#include <functional>
#include <utility>

#include "core/parallel.h"
#include "ffi/checks.h"

namespace transjet::ffi {

class XlaPool final : public Pool {
 public:
  explicit XlaPool(xf::ThreadPool threads) : threads_(std::move(threads)) {}

  // XLA answers 0 where it has no pool; then, and with one thread, the caller works alone.
  std::size_t threads() const override {
    const std::int64_t count = threads_.num_threads();
    return count > 1 ? static_cast<std::size_t>(count) : 1;
  }
  void schedule(std::function<void()> task) override { threads_.Schedule(std::move(task)); }

 private:
  xf::ThreadPool threads_;
};

}  // namespace transjet::ffi
