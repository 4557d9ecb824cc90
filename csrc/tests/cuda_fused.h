// Fused kernels on random problems, under the emulation of a GPU, in both of its orders.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "cuda/pack.cuh"
#include "cuda/policies.cuh"
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

// How results are compared: in units of epsilon.
template <typename Policy>
constexpr const char* policy_name() {
  if constexpr (std::is_same_v<Policy, cuda::Tf32x3>) return "tf32x3, ";
  if constexpr (std::is_same_v<Policy, cuda::Bf16x3>) return "bf16x3, ";
  if constexpr (std::is_same_v<Policy, cuda::Simt<float>>) return "simt, ";
  return "dmma, ";
}

// Calls body(policy) with every policy, by a value of its type.
template <typename Body>
void with_every_policy(Body&& body) {
  body(cuda::Tf32x3{});
  body(cuda::Bf16x3{});
  body(cuda::Simt<float>{});
  body(cuda::Dmma{});
}

}  // namespace transjet::testing
