// CUDA's execution model on one thread of the processor, so that kernels can be tested without a GPU.
//
// Each thread of a block is a fiber. Barriers, shuffles and the matrix instructions of a warp are meetings at
// which fibers wait for one another; in between a fiber runs alone, and a warp runs until its block must
// meet. That is the least synchronous schedule that CUDA allows, and it has two directions: whatever a
// missing barrier leaves to chance comes out differently in one of them. Shared memory starts as NaN, and
// what is copied asynchronously is NaN until somebody waits for it.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "cuda/fiber.h"

namespace transjet::cuda {

struct dim3 {
  dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  unsigned x, y, z;
};

inline dim3 threadIdx, blockIdx, blockDim, gridDim;

// In which order fibers of a warp, warps of a block and blocks of a grid run.
enum class Order { kAscending, kDescending };

class Emulator {
 public:
  static constexpr unsigned kWarp = 32;

  Order order = Order::kAscending;
  int resident_blocks = 3;  // what the device is said to hold at once
  // What a fault does; a test of the emulator may look at it instead of ending the program.
  std::function<void(const char*)> on_fault = [](const char* text) {
    std::fprintf(stderr, "CUDA emulation: %s (block %u, thread %u)\n", text, blockIdx.x, threadIdx.x);
    std::abort();
  };

  static Emulator& instance() {
    static Emulator emulator;
    return emulator;
  }

  void run(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& body) {
    gridDim = grid;
    blockDim = block;
    body_ = &body;
    const std::size_t blocks = static_cast<std::size_t>(grid.x) * grid.y * grid.z;
    for (std::size_t i = 0; i < blocks; ++i) {
      const std::size_t b = order == Order::kAscending ? i : blocks - 1 - i;
      blockIdx = dim3(static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                      static_cast<unsigned>(b / grid.x / grid.y));
      run_block(shared_bytes);
    }
  }

  char* shared_memory() { return shared_.get() + kWall; }
  unsigned lane() const { return current_ % kWarp; }

  // All threads of the block, or of the warp, wait for one another; the last to come calls action(). `tag`
  // tells one kind of meeting from another.
  template <typename Action>
  void meet_block(const void* tag, Action&& action) {
    meet(block_meeting_, tag, threads_, action);
  }
  template <typename Action>
  void meet_warp(const void* tag, Action&& action) {
    const unsigned warp = current_ / kWarp;
    meet(warp_meetings_[warp], tag, std::min(kWarp, threads_ - warp * kWarp), action);
  }

  // A place where the lanes of the running warp leave something for one another until they meet.
  template <typename T>
  T& slot(unsigned lane) {
    static_assert(sizeof(T) <= kSlot);
    return *reinterpret_cast<T*>(slots_.data() + (current_ / kWarp * kWarp + lane) * kSlot);
  }

  void copy_async(void* to, const void* from, std::size_t bytes) {
    std::memset(to, 0xff, bytes);
    copies_[current_].push_back({to, from, bytes});
  }
  // Reports a fault of the running thread and gives its block up.
  void fail(const char* text) {
    on_fault(text);
    failed_ = true;
    fibers_[current_]->change_to(home_);
  }

  void commit_copies() { copies_[current_].push_back({nullptr, nullptr, 0}); }
  // Waits until at most `pending` of the groups that were committed are under way.
  void wait_for_copies(int pending) {
    std::deque<Copy>& copies = copies_[current_];
    int groups = 0;
    for (const Copy& copy : copies) groups += copy.to == nullptr;
    for (; groups > pending; copies.pop_front()) {
      const Copy copy = copies.front();
      if (copy.to == nullptr) {
        --groups;
      } else {
        std::memcpy(copy.to, copy.from, copy.bytes);
      }
    }
  }

 private:
  static constexpr std::size_t kWall = 1024, kSlot = 64;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
  static constexpr std::size_t kStack = 256 << 10;
#else
  static constexpr std::size_t kStack = 48 << 10;
#endif
  static constexpr unsigned char kCanary = 0xa5;

  struct Meeting {
    const void* tag = nullptr;
    unsigned waiting = 0;
  };
  // Lanes that can run, in their order.
  struct Ready {
    unsigned lanes[kWarp], first = 0, count = 0;
  };
  struct Copy {
    void* to;
    const void* from;
    std::size_t bytes;
  };

  static void enter() {
    Emulator& emulator = instance();
    emulator.fibers_[emulator.current_]->arrived();
    (*emulator.body_)();
    emulator.leave();
  }

  void run_block(std::size_t shared_bytes) {
    threads_ = blockDim.x * blockDim.y * blockDim.z;
    const unsigned warps = (threads_ + kWarp - 1) / kWarp;
    prepare_shared_memory(shared_bytes);
    while (fibers_.size() < threads_) fibers_.push_back(std::make_unique<Fiber>(kStack));
    slots_.resize(warps * kWarp * kSlot);
    copies_.assign(threads_, {});
    block_meeting_ = {};
    warp_meetings_.assign(warps, {});
    ready_.assign(warps, {});
    ready_warps_ = 0;
    indices_.resize(threads_);
    for (unsigned t = 0; t < threads_; ++t) {
      indices_[t] = dim3(t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y));
      fibers_[t]->restart(enter);
    }
    make_ready(0, threads_);
    done_ = 0;
    failed_ = false;
    if (choose()) home_.change_to(*fibers_[current_]);
    if (failed_) return;
    if (done_ < threads_) on_fault("a barrier that not all threads reach");
    check_walls(shared_bytes);
  }

  void prepare_shared_memory(std::size_t bytes) {
    // Aligned as a GPU's; exactly as large as asked for, so that the wall begins where the memory ends.
    shared_.reset(static_cast<char*>(std::aligned_alloc(128, (bytes + 2 * kWall + 127) / 128 * 128)));
    std::memset(shared_.get(), kCanary, bytes + 2 * kWall);
    std::memset(shared_memory(), 0xff, bytes);
  }

  void check_walls(std::size_t bytes) {
    for (std::size_t i = 0; i < kWall; ++i) {
      const auto front = static_cast<unsigned char>(shared_.get()[i]);
      const auto back = static_cast<unsigned char>(shared_memory()[bytes + i]);
      if (front != kCanary || back != kCanary) return on_fault("a write outside of shared memory");
    }
    for (const auto& fiber : fibers_) {
      if (!fiber->intact()) return on_fault("a fiber's stack has overflown");
    }
  }

  void make_ready(unsigned first, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      const unsigned t = first + (order == Order::kAscending ? i : count - 1 - i);
      Ready& ready = ready_[t / kWarp];
      ready.lanes[(ready.first + ready.count++) % kWarp] = t;
      ready_warps_ |= std::uint64_t{1} << (t / kWarp);
    }
  }

  // The next thread to run; false if none is ready.
  bool choose() {
    if (ready_warps_ == 0) return false;
    const int warp =
        order == Order::kAscending ? __builtin_ctzll(ready_warps_) : 63 - __builtin_clzll(ready_warps_);
    Ready& ready = ready_[static_cast<std::size_t>(warp)];
    current_ = ready.lanes[ready.first++ % kWarp];
    if (--ready.count == 0) ready_warps_ &= ~(std::uint64_t{1} << warp);
    threadIdx = indices_[current_];
    return true;
  }

  template <typename Action>
  void meet(Meeting& meeting, const void* tag, unsigned expected, Action&& action) {
    if (meeting.waiting == 0) meeting.tag = tag;
    if (meeting.tag != tag) fail("threads that wait for different things");
    if (++meeting.waiting == expected) {
      action();
      meeting.waiting = 0;
      make_ready(expected == threads_ ? 0 : current_ / kWarp * kWarp, expected);
    }
    rest();
  }

  // Lets others run. If none can, the block stands still, and whoever started it hears of it.
  void rest() {
    Fiber& self = *fibers_[current_];
    const unsigned before = current_;
    if (!choose()) return self.change_to(home_);
    if (current_ != before) self.change_to(*fibers_[current_]);
  }

  void leave() {
    ++done_;
    rest();
  }

  const std::function<void()>* body_ = nullptr;
  Fiber home_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  std::unique_ptr<char, Free> shared_;
  std::vector<char> slots_;
  std::vector<std::deque<Copy>> copies_;
  Meeting block_meeting_;
  std::vector<Meeting> warp_meetings_;
  std::vector<Ready> ready_;
  std::uint64_t ready_warps_ = 0;  // a bit each
  std::vector<dim3> indices_;      // threadIdx of every thread
  unsigned threads_ = 0, current_ = 0, done_ = 0;
  bool failed_ = false;
};

}  // namespace transjet::cuda
