// The emulation of CUDA's execution model: its barriers, shuffles and copies, and that it finds what it is
// there to find.
#include <cmath>
#include <string>
#include <vector>

#include "cuda/device.cuh"
#include "tests/check.h"

namespace transjet::testing {
namespace {

using namespace transjet::cuda;

constexpr int kThreads = 96;

template <typename Body>
void in_both_orders(Body&& body) {
  for (const Order order : {Order::kAscending, Order::kDescending}) {
    Emulator::instance().order = order;
    body();
  }
  Emulator::instance().order = Order::kAscending;
}

// The faults of what body() launches.
template <typename Body>
std::vector<std::string> faults(Body&& body) {
  std::vector<std::string> texts;
  Emulator& emulator = Emulator::instance();
  const auto before = emulator.on_fault;
  emulator.on_fault = [&texts](const char* text) { texts.push_back(text); };
  body();
  emulator.on_fault = before;
  return texts;
}

TRANSJET_KERNEL void reverse_kernel(const int* from, int* to, bool with_barrier) {
  int* shared = reinterpret_cast<int*>(shared_memory());
  const int i = static_cast<int>(threadIdx.x), n = static_cast<int>(blockDim.x);
  const int first = static_cast<int>(blockIdx.x) * n;
  shared[i] = from[first + i];
  if (with_barrier) sync_threads();
  to[first + i] = shared[n - 1 - i];
}

bool reverses(bool with_barrier) {
  std::vector<int> from(5 * kThreads), to(5 * kThreads);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<int>(7 * i + 1);
  TRANSJET_CHECK(launch(reverse_kernel, 5, kThreads, kThreads * sizeof(int), Stream{}, from.data(), to.data(),
                        with_barrier) == 0);
  bool right = true;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::size_t block = i / kThreads * kThreads;
    right = right && to[i] == from[block + kThreads - 1 - (i - block)];
  }
  return right;
}

void barriers_work_and_missing_ones_are_seen() {
  in_both_orders([] {
    TRANSJET_CHECK(reverses(true));
    TRANSJET_CHECK(!reverses(false));
  });
}

// Neighbours hand numbers on through shared memory, within a warp.
TRANSJET_KERNEL void neighbour_kernel(int* to, int distance, bool with_barrier) {
  int* shared = reinterpret_cast<int*>(shared_memory());
  const int i = static_cast<int>(threadIdx.x), base = i / kWarpSize * kWarpSize;
  shared[i] = i;
  if (with_barrier) sync_warp();
  to[i] = shared[base + (i - base + distance) % kWarpSize];
}

void races_within_a_warp_are_seen_in_one_order_or_the_other() {
  for (const int distance : {1, 31}) {
    for (const bool with_barrier : {true, false}) {
      int wrong_orders = 0;
      in_both_orders([&] {
        std::vector<int> to(kThreads);
        launch(neighbour_kernel, 1, kThreads, kThreads * sizeof(int), Stream{}, to.data(), distance,
               with_barrier);
        bool right = true;
        for (int i = 0; i < kThreads; ++i) {
          right = right && to[static_cast<std::size_t>(i)] == i / 32 * 32 + (i + distance) % 32;
        }
        wrong_orders += !right;
      });
      TRANSJET_CHECK(with_barrier ? wrong_orders == 0 : wrong_orders > 0);
    }
  }
}

// A warp that overwrites what another one still reads.
TRANSJET_KERNEL void overwrite_kernel(int* to, bool with_barrier) {
  int* shared = reinterpret_cast<int*>(shared_memory());
  const int i = static_cast<int>(threadIdx.x), n = static_cast<int>(blockDim.x);
  shared[i] = i;
  sync_threads();
  const int read = shared[n - 1 - i];
  if (with_barrier) sync_threads();
  shared[i] = shuffle_xor(read, 1) + 1000;
  sync_warp();
  to[i] = read;
}

void warps_that_run_ahead_are_seen() {
  in_both_orders([] {
    for (const bool with_barrier : {true, false}) {
      std::vector<int> to(kThreads);
      launch(overwrite_kernel, 1, kThreads, kThreads * sizeof(int), Stream{}, to.data(), with_barrier);
      bool right = true;
      for (int i = 0; i < kThreads; ++i) right = right && to[static_cast<std::size_t>(i)] == kThreads - 1 - i;
      TRANSJET_CHECK(right == with_barrier);
    }
  });
}

template <typename T>
TRANSJET_KERNEL void shuffle_kernel(const T* from, T* to) {
  const int i = static_cast<int>(threadIdx.x);
  T value = from[i];
  for (int mask = 16; mask > 0; mask /= 2) value += shuffle_xor(value, mask);
  to[2 * i] = value;
  to[2 * i + 1] = shuffle(from[i], (lane_index() + 5) % kWarpSize);
}

template <typename T>
void shuffles_work() {
  std::vector<T> from(kThreads), to(2 * kThreads);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<T>(i * i % 23);
  launch(shuffle_kernel<T>, 1, kThreads, 0, Stream{}, from.data(), to.data());
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::size_t warp = i / 32 * 32;
    T sum = 0;
    for (std::size_t j = warp; j < warp + 32; ++j) sum += from[j];
    TRANSJET_CHECK(to[2 * i] == sum);
    TRANSJET_CHECK(to[2 * i + 1] == from[warp + (i - warp + 5) % 32]);
  }
}

// What thread 3 sees of its copies before and after waiting, and of shared memory that nobody has written.
TRANSJET_KERNEL void copy_kernel(const float* from, float* to) {
  float* shared = reinterpret_cast<float*>(shared_memory());
  const int i = static_cast<int>(threadIdx.x);
  if (i == 3) to[0] = shared[4 * (kThreads - 1)];
  for (int part = 0; part < 2; ++part) {
    cp_async16(shared + (part * kThreads + i) * 4, from + (part * kThreads + i) * 4);
    cp_async_commit();
  }
  if (i == 3) to[1] = shared[4 * i + 2];
  cp_async_wait<1>();
  if (i == 3) {
    to[2] = shared[4 * i];
    to[3] = shared[4 * (kThreads + i)];
  }
  cp_async_wait<0>();
  if (i == 3) to[4] = shared[4 * (kThreads + i)];
}

void copies_arrive_when_they_are_waited_for() {
  alignas(16) static float from[8 * kThreads];
  for (int i = 0; i < 8 * kThreads; ++i) from[i] = static_cast<float>(i);
  float to[5] = {};
  launch(copy_kernel, 1, kThreads, sizeof from, Stream{}, static_cast<const float*>(from),
         static_cast<float*>(to));
  TRANSJET_CHECK(std::isnan(to[0]) && std::isnan(to[1]) && std::isnan(to[3]));
  TRANSJET_CHECK(to[2] == 12 && to[4] == 4 * kThreads + 12);
}

TRANSJET_KERNEL void misaligned_kernel(const float* from) {
  cp_async16(shared_memory(), from + 1);
  cp_async_commit();
  cp_async_wait<0>();
}

TRANSJET_KERNEL void early_exit_kernel(int who) {
  if (static_cast<int>(threadIdx.x) == who) return;
  sync_threads();
}

TRANSJET_KERNEL void divergent_kernel() {
  if (threadIdx.x % 2 == 0) {
    sync_warp();
  } else {
    shuffle(1, 0);
  }
}

TRANSJET_KERNEL void out_of_bounds_kernel(int at) { shared_memory()[at] = 1; }

void faults_are_reported() {
  const auto is = [](const std::vector<std::string>& texts, const char* expected) {
    return !texts.empty() && texts[0] == expected;
  };
  in_both_orders([&] {
    for (const int who : {0, 50, kThreads - 1}) {
      TRANSJET_CHECK(is(faults([&] { launch(early_exit_kernel, 2, kThreads, 0, Stream{}, who); }),
                        "a barrier that not all threads reach"));
    }
    TRANSJET_CHECK(is(faults([] { launch(divergent_kernel, 1, kThreads, 0, Stream{}); }),
                      "threads that wait for different things"));
    for (const int at : {-1, 256}) {
      TRANSJET_CHECK(is(faults([&] { launch(out_of_bounds_kernel, 1, 32, 256, Stream{}, at); }),
                        "a write outside of shared memory"));
    }
    alignas(16) static const float numbers[8] = {};
    TRANSJET_CHECK(is(faults([] { launch(misaligned_kernel, 1, 32, 256, Stream{}, numbers); }),
                      "an asynchronous copy that is not aligned to 16 bytes"));
    TRANSJET_CHECK(faults([] { reverses(true); }).empty());  // and it works again afterwards
  });
}

TRANSJET_KERNEL void index_kernel(int* to) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  to[block * blockDim.x + threadIdx.x] += static_cast<int>(100 * block + threadIdx.x);
}

void every_thread_of_every_block_runs_once() {
  in_both_orders([] {
    std::vector<int> to(2 * 3 * 4 * 40);
    launch(index_kernel, dim3(2, 3, 4), 40, 0, Stream{}, to.data());
    for (std::size_t i = 0; i < to.size(); ++i)
      TRANSJET_CHECK(to[i] == static_cast<int>(100 * (i / 40) + i % 40));
  });
  TRANSJET_CHECK(launch(index_kernel, 0, 40, 0, Stream{}, static_cast<int*>(nullptr)) == 0);
}

}  // namespace
}  // namespace transjet::testing

int main() {
  using namespace transjet::testing;
  barriers_work_and_missing_ones_are_seen();
  races_within_a_warp_are_seen_in_one_order_or_the_other();
  warps_that_run_ahead_are_seen();
  shuffles_work<float>();
  shuffles_work<double>();
  shuffles_work<int>();
  copies_arrive_when_they_are_waited_for();
  faults_are_reported();
  every_thread_of_every_block_runs_once();
  return result();
}
