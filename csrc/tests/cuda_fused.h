// Fused kernels on random problems, under the emulation of a GPU, in both of its orders.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "cuda/fused_calls.h"
#include "cuda/pack.cuh"
#include "tests/compare.h"

namespace transjet::testing {

// Memory of the device: between walls, filled with NaN, aligned to 256 bytes.
template <typename T>
class DeviceMemory {
 public:
  explicit DeviceMemory(std::size_t size) : store_(size + kAlign, 0) { start_ = aligned(); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  T* data() { return store_.view().data() + start_; }
  bool intact() const { return store_.intact(); }

 private:
  static constexpr std::size_t kAlign = 256 / sizeof(T);
  std::size_t aligned() {
    std::size_t offset = 0;
    while (reinterpret_cast<std::uintptr_t>(store_.view().data() + offset) % 256 != 0) ++offset;
    return offset;
  }

  Guarded<T> store_;
  std::size_t start_;
};

// Packed parameters in memory of their own.
template <typename T>
struct PackedParameters {
  PackedParameters(const JetProblem<T>& problem, const Parameters<const T>& parameters, int hidden_pad)
      : memory(cuda::lay_out_packed<T>(problem, hidden_pad, nullptr, view)) {
    cuda::lay_out_packed(problem, hidden_pad, memory.data(), view);
    TRANSJET_CHECK(cuda::pack(problem, parameters, view, cuda::Stream{}) == 0);
  }
  cuda::PackedView<T> view;
  DeviceMemory<T> memory;
};

template <typename Body>
void in_both_orders(Body&& body) {
  for (const cuda::Order order : {cuda::Order::kAscending, cuda::Order::kDescending}) {
    cuda::Emulator::instance().order = order;
    body();
  }
  cuda::Emulator::instance().order = cuda::Order::kAscending;
}

// A way of multiplying: the element type, and the precision that is asked for.
template <typename T_, cuda::Precision kPrecision_>
struct Way {
  using T = T_;
  static constexpr cuda::Precision kPrecision = kPrecision_;

  static std::string name() {
    static constexpr const char* kNames[] = {"default, ", "ieee, ", "bf16x3, "};
    return kNames[static_cast<int>(kPrecision)];
  }
  // In units of epsilon: `least` in float and double arithmetic, more for the fast mode.
  static double tolerance(double least) {
    return kPrecision == cuda::Precision::kBf16x3 ? 20 * least : least;
  }
};

using Default = Way<float, cuda::Precision::kDefault>;

// Calls body(way) with every way, by a value of its type.
template <typename Body>
void with_every_way(Body&& body) {
  body(Default{});
  body(Way<float, cuda::Precision::kBf16x3>{});
  body(Way<float, cuda::Precision::kIeee>{});
  body(Way<double, cuda::Precision::kDefault>{});
}

// Runs one fused kernel.
template <typename Way, typename Call>
void run_fused(const Call& call) {
  cuda::Queue queue(cuda::Stream{}, Way::kPrecision);
  cuda::run_fused(queue, call);
  TRANSJET_CHECK(queue.error() == 0);
}

}  // namespace transjet::testing
