// Launches on a GPU: what the runtime is asked about a kernel is asked once, and the fused kernels, whose
// blocks share their tiles out, give the same bits whatever the number of blocks.
#include <atomic>
#include <thread>

#include "cuda/kernel_states.h"
#include "tests/cuda_calls.h"

namespace transjet::testing {
namespace {

using cuda::KernelState;
using cuda::KernelStates;

void kernels_are_asked_about_once() {
  KernelStates states;
  const int kernels[2] = {};
  int asked = 0;
  const auto find = [&](int kernel, int device, std::size_t bytes, int answer, int error = 0) {
    KernelState found{0, -1};
    const int code = states.find(&kernels[kernel], device, bytes, found, [&](KernelState& own) {
      ++asked;
      TRANSJET_CHECK(own.shared_bytes == bytes);
      own.resident_blocks = answer;
      return error;
    });
    TRANSJET_CHECK(code == error);
    return found.resident_blocks;
  };
  TRANSJET_CHECK(find(0, 0, 100, 1, 7) == -1 && asked == 1);  // an error is no answer
  TRANSJET_CHECK(find(0, 0, 100, 2) == 2 && asked == 2);
  TRANSJET_CHECK(find(0, 0, 100, 3) == 2 && find(0, 0, 50, 3) == 2 && asked == 2);
  TRANSJET_CHECK(find(0, 1, 100, 4) == 4 && find(1, 0, 100, 5) == 5 && asked == 4);
  TRANSJET_CHECK(find(0, 0, 101, 6) == 6 && find(0, 0, 100, 7) == 6 && asked == 5);
}

void threads_ask_once() {
  KernelStates states;
  const int kernel = 0;
  std::atomic<int> asked{0}, wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int device = 0; device < 16; ++device) {
        KernelState found{};
        states.find(&kernel, device, 1, found, [&](KernelState& own) {
          ++asked;
          own.resident_blocks = device + 1;
          return 0;
        });
        wrong += found.resident_blocks != device + 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  TRANSJET_CHECK(asked == 16 && wrong == 0);
}

// More tiles than blocks, or fewer.
template <typename T>
void blocks_do_not_matter() {
  Random random(61);
  cuda::Emulator& emulator = cuda::Emulator::instance();
  const int before = emulator.resident_blocks;
  for (const Form& form : kForms) {
    const Sample sample = random_sample(form, {3, 1, {9, 5}, 300, 2}, random);
    const Residual residual = random_residual({sample}, 1, true, true, random);
    for (const Operation operation : {Operation::kForward, Operation::kTangent, Operation::kCotangent}) {
      emulator.resident_blocks = 1 << 20;
      const std::vector<T> expected = cuda_results_of<T>(operation, residual);
      for (const int blocks : {1, 2, 3}) {
        emulator.resident_blocks = blocks;
        emulator.order = blocks == 2 ? cuda::Order::kDescending : cuda::Order::kAscending;
        TRANSJET_CHECK(same_bits(cuda_results_of<T>(operation, residual), expected));
      }
      emulator.order = cuda::Order::kAscending;
    }
  }
  emulator.resident_blocks = before;
}

}  // namespace
}  // namespace transjet::testing

int main() {
  using namespace transjet::testing;
  kernels_are_asked_about_once();
  threads_ask_once();
  blocks_do_not_matter<float>();
  blocks_do_not_matter<double>();
  return result();
}
