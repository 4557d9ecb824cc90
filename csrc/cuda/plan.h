// The workspace of a call: one block of the device's memory, laid out on the host from sizes alone.
#pragma once

#include <algorithm>
#include <cstddef>

#include "cuda/options.h"

namespace transjet::cuda {

// Hands out parts of a block of memory or, without memory, counts: the same code that lays out a workspace
// tells its size.
class Workspace {
 public:
  static constexpr std::size_t kAlignment = 256;

  explicit Workspace(void* memory = nullptr) : memory_(static_cast<char*>(memory)) {}

  template <typename T>
  T* take(std::size_t count) {
    char* start = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += (count * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    return reinterpret_cast<T*>(start);
  }

  std::size_t used() const { return used_; }

 private:
  char* memory_;
  std::size_t used_ = 0;
};

// The largest number of points, at most `points`, whose workspace stays within the limit or, where parameters
// fill most of it, a quarter of the limit above what one point needs; so many that all chunks are of nearly
// equal size. `bytes(capacity)` must not fall as capacity grows. At least 1.
template <typename Bytes>
int choose_chunk(std::size_t points, const Options& options, Bytes&& bytes) {
  constexpr std::size_t kMost = std::size_t{1} << 20;
  const std::size_t bound = std::max(options.workspace_limit, bytes(1) + options.workspace_limit / 4);
  std::size_t low = 1, high = std::max<std::size_t>(1, std::min(points, kMost));
  while (low < high) {
    const std::size_t middle = high - (high - low) / 2;
    if (bytes(static_cast<int>(middle)) <= bound) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  const std::size_t chunks = std::max<std::size_t>(1, (points + low - 1) / low);
  return static_cast<int>(std::max<std::size_t>(1, (points + chunks - 1) / chunks));
}

// Calls body(begin, count) for one chunk of points after the other.
template <typename Body>
void for_each_chunk(std::size_t points, int capacity, Body&& body) {
  for (std::size_t begin = 0; begin < points; begin += static_cast<std::size_t>(capacity)) {
    body(begin, static_cast<int>(std::min(points - begin, static_cast<std::size_t>(capacity))));
  }
}

}  // namespace transjet::cuda
