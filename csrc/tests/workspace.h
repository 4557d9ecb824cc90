// Runs of kernels in working memory between walls, and on pools of every kind.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/run.h"
#include "tests/check.h"
#include "tests/thread_pool.h"

namespace transjet::testing {

// Working memory, aligned as kernels ask for it, between walls; filled with bytes that make NaNs and wild
// pointers.
class Workspace {
 public:
  Workspace(std::size_t bytes, int filling) : size_(bytes), memory_(bytes + 2 * kWall) {
    std::memset(memory_.data(), kCanary, bytes + 2 * kWall);
    std::memset(data(), filling, bytes);
  }

  char* data() const { return memory_.data() + kWall; }
  bool intact() const {
    const auto is_canary = [](char c) { return static_cast<unsigned char>(c) == kCanary; };
    return std::all_of(memory_.data(), data(), is_canary) &&
           std::all_of(data() + size_, data() + size_ + kWall, is_canary);
  }

 private:
  static constexpr std::size_t kWall = 4096;
  static constexpr unsigned char kCanary = 0xa5;

  std::size_t size_;
  cpu::AlignedMemory memory_;
};

// Runs a kernel over blocks of points as one thread would, its working memory filled with `filling` before
// each.
template <typename Call>
void run_guarded(const cpu::BlockKernel<Call>& kernel, const Call& call, std::size_t points, int filling) {
  const cpu::Sizes sizes = kernel.sizes(call);
  const Workspace shared(sizes.shared, filling);
  kernel.prepare(call, shared.data());
  const std::size_t block = cpu::points_per_task(points, sizes.tile);
  TRANSJET_CHECK(sizes.tile > 0 && sizes.worker % 64 == 0);
  for (std::size_t begin = 0; begin < points; begin += block) {
    const Workspace worker(sizes.worker, filling);
    kernel.run(call, shared.data(), worker.data(), begin, std::min(points, begin + block));
    if (kernel.commit != nullptr) kernel.commit(call, shared.data(), worker.data());
    TRANSJET_CHECK(worker.intact());
  }
  TRANSJET_CHECK(shared.intact());
}

// The same for a kernel in phases.
template <typename Call>
void run_guarded(const cpu::PhasedKernel<Call>& kernel, const Call& call, int filling) {
  const cpu::Sizes sizes = kernel.sizes(call);
  const Workspace shared(sizes.shared, filling);
  const std::size_t phases = kernel.prepare(call, shared.data());
  for (std::size_t phase = 0; phase < phases; ++phase) {
    for (std::size_t task = 0; task < kernel.tasks(call, shared.data(), phase); ++task) {
      const Workspace worker(sizes.worker, filling);
      kernel.run(call, shared.data(), worker.data(), phase, task);
      TRANSJET_CHECK(worker.intact());
    }
  }
  TRANSJET_CHECK(shared.intact());
}

inline constexpr int kFillings[] = {0xff, 0x00, 0x7b};

// Calls body(pool) with pools of every kind.
template <typename Body>
void with_every_pool(Body&& body) {
  for (const std::size_t threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    body(pool);
  }
  InlinePool inline_pool(3);
  body(inline_pool);
  LatePool late(3);
  body(late);
  late.run_all();
}

}  // namespace transjet::testing
