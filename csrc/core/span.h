// A pointer and a length: the view through which kernels see their operands.
#pragma once

#include <cstddef>

namespace transjet {

template <typename T>
class Span {
 public:
  constexpr Span(T* data, std::size_t size) : data_(data), size_(size) {}

  constexpr T* data() const { return data_; }
  constexpr std::size_t size() const { return size_; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size_; }
  constexpr T& operator[](std::size_t i) const { return data_[i]; }

  // A writable view reads as a constant one.
  constexpr operator Span<const T>() const { return {data_, size_}; }

 private:
  T* data_;
  std::size_t size_;
};

}  // namespace transjet
