// Hands out parts of one block of memory, or, without memory, counts what would be handed out: the same code
// that lays out a kernel's working memory tells its size.
#pragma once

#include "cpu/simd.h"

namespace transjet::cpu::TRANSJET_ISA {

class Arena {
 public:
  static constexpr std::size_t kAlignment = 64;

  explicit Arena(void* memory = nullptr) : memory_(static_cast<char*>(memory)), used_(0) {}

  template <typename T>
  T* take(std::size_t count) {
    char* start = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += (count * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    return reinterpret_cast<T*>(start);
  }

  bool counting() const { return memory_ == nullptr; }
  std::size_t used() const { return used_; }

 private:
  char* memory_;
  std::size_t used_;
};

}  // namespace transjet::cpu::TRANSJET_ISA
