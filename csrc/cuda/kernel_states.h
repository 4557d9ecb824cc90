// What the runtime is told and asked about a kernel once a device, and not at every launch.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <utility>

namespace transjet::cuda {

// A kernel on a device: the shared memory that it may have, and how many of its blocks the device holds at
// once.
struct KernelState {
  std::size_t shared_bytes;
  int resident_blocks;
};

// Of all kernels on all devices, for any number of threads.
class KernelStates {
 public:
  static KernelStates& instance() {
    static KernelStates states;
    return states;
  }

  // The state of a kernel that may have at least so much shared memory. ask(state) finds it out the first
  // time, and again where more is wanted, and returns an error's code or 0; errors are not remembered.
  template <typename Ask>
  int find(const void* kernel, int device, std::size_t shared_bytes, KernelState& found, Ask&& ask) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto known = states_.find({kernel, device});
    if (known != states_.end() && known->second.shared_bytes >= shared_bytes) {
      found = known->second;
      return 0;
    }
    KernelState state{shared_bytes, 1};
    if (const int error = ask(state); error != 0) return error;
    states_[{kernel, device}] = found = state;
    return 0;
  }

 private:
  std::mutex mutex_;
  std::map<std::pair<const void*, int>, KernelState> states_;
};

}  // namespace transjet::cuda
