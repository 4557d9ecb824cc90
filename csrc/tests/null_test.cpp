// The null kernel: copies every bit, writes nothing else, may run on many threads at once.
#include "cpu/null.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "tests/check.h"

namespace transjet {
namespace {

using testing::Guarded;

constexpr std::size_t kSizes[] = {0, 1, 2, 3, 7, 16, 31, 64, 65, 1023};
constexpr std::size_t kMisalignments[] = {0, 1, 3};

template <typename T>
void fill(Span<T> x) {
  const T special[] = {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity(), T(-0.0),
                       std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::max()};
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = i % 7 < std::size(special) ? special[i % 7] : T(i) / T(3);
  }
}

template <typename T>
bool same_bits(Span<const T> x, Span<const T> y) {
  return x.size() == 0 || std::memcmp(x.data(), y.data(), x.size() * sizeof(T)) == 0;
}

template <typename T>
void copies_every_bit() {
  for (const std::size_t size : kSizes) {
    for (const std::size_t misalignment : kMisalignments) {
      Guarded<T> x(size, misalignment), y(size, 2 * misalignment);
      fill(x.view());
      cpu::null<T>(x.view(), y.view());
      TRANSJET_CHECK(same_bits<T>(x.view(), y.view()));
      TRANSJET_CHECK(x.intact() && y.intact());
    }
  }
}

template <typename T>
void keeps_a_buffer_copied_onto_itself() {
  Guarded<T> x(65, 1), before(65, 1);
  fill(x.view());
  fill(before.view());
  cpu::null<T>(x.view(), x.view());
  TRANSJET_CHECK(same_bits<T>(x.view(), before.view()));
}

// One input, disjoint parts of one output: what a thread pool does with a batch.
template <typename T>
void runs_on_many_threads() {
  constexpr std::size_t kThreads = 4, kPart = 257;
  Guarded<T> x(kPart, 0), y(kThreads * kPart, 0);
  fill(x.view());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { cpu::null<T>(x.view(), {y.view().data() + i * kPart, kPart}); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < kThreads; ++i) {
    TRANSJET_CHECK(same_bits<T>(x.view(), {y.view().data() + i * kPart, kPart}));
  }
  TRANSJET_CHECK(y.intact());
}

template <typename T>
void all() {
  copies_every_bit<T>();
  keeps_a_buffer_copied_onto_itself<T>();
  runs_on_many_threads<T>();
}

}  // namespace
}  // namespace transjet

int main() {
  transjet::all<float>();
  transjet::all<double>();
  return transjet::testing::result();
}
