// The few words that the tests of the kernels need: a check that reports and counts, and buffers between
// canaries.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <vector>

#include "core/span.h"

namespace transjet::testing {

inline std::atomic<int> failures{0};  // tests use threads, too

inline void check(bool ok, const char* text, const char* file, int line) {
  if (ok) return;
  ++failures;
  std::fprintf(stderr, "%s:%d: failed: %s\n", file, line, text);
}

inline int result() {
  if (failures > 0) std::fprintf(stderr, "%d check(s) failed\n", failures.load());
  return failures > 0 ? 1 : 0;
}

// A buffer between two walls of canaries, filled with NaN, whose start is `misalignment` elements off.
// Canaries differ from buffer to buffer, so that walls copied onto walls are seen too.
template <typename T>
class Guarded {
 public:
  Guarded(std::size_t size, std::size_t misalignment)
      : canary_(T(-12345.5) - T(++made_)),
        front_(kWall + misalignment),
        size_(size),
        store_(front_ + size + kWall, canary_) {
    std::fill_n(view().data(), size, std::numeric_limits<T>::quiet_NaN());
  }

  Span<T> view() { return {store_.data() + front_, size_}; }

  bool intact() const {
    const auto is_canary = [this](T value) { return value == canary_; };
    return std::all_of(store_.begin(), store_.begin() + static_cast<std::ptrdiff_t>(front_), is_canary) &&
           std::all_of(store_.end() - static_cast<std::ptrdiff_t>(kWall), store_.end(), is_canary);
  }

 private:
  static constexpr std::size_t kWall = 64;
  static inline std::atomic<int> made_{0};

  T canary_;
  std::size_t front_;
  std::size_t size_;
  std::vector<T> store_;
};

}  // namespace transjet::testing

#define TRANSJET_CHECK(condition) ::transjet::testing::check((condition), #condition, __FILE__, __LINE__)
