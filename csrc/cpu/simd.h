// Vectors of the instruction set that a translation unit is compiled for.
//
// The same sources are compiled once per instruction set, each time in a namespace of its own (TRANSJET_ISA,
// set by CMake), so that the linker never mixes code for different processors. For the same reason these
// sources use no function template of the standard library. Vectors are the compiler's own (GCC and Clang),
// so arithmetic reads as arithmetic; a * b + c becomes one fused instruction where the processor has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#define TRANSJET_INLINE inline __attribute__((always_inline))

namespace transjet::cpu::TRANSJET_ISA {

#if defined(__AVX512F__)
inline constexpr std::size_t kVectorBytes = 64;
inline constexpr int kBlockRows =
    14;  // rows of registers of the matrix product: 14 x 2 sums, 2 columns, 2 spare
#elif defined(__AVX2__)
inline constexpr std::size_t kVectorBytes = 32;
inline constexpr int kBlockRows = 6;  // 16 registers
#elif defined(__aarch64__)
inline constexpr std::size_t kVectorBytes = 16;
inline constexpr int kBlockRows = 12;  // 32 registers
#else
inline constexpr std::size_t kVectorBytes = 16;
inline constexpr int kBlockRows = 6;
#endif

template <typename T>
struct VectorTypes;

template <>
struct VectorTypes<float> {
  typedef float Vec __attribute__((vector_size(kVectorBytes)));
  typedef std::int32_t Int __attribute__((vector_size(kVectorBytes)));
};

template <>
struct VectorTypes<double> {
  typedef double Vec __attribute__((vector_size(kVectorBytes)));
  typedef std::int64_t Int __attribute__((vector_size(kVectorBytes)));
};

template <typename T>
using Vec = typename VectorTypes<T>::Vec;
// Integers of the same width as T; what a comparison of vectors returns (-1 for true).
template <typename T>
using Int = typename VectorTypes<T>::Int;

template <typename T>
inline constexpr int kLanes = static_cast<int>(kVectorBytes / sizeof(T));
// Columns of a panel, the unit in which streams and weights are laid out: two vectors.
template <typename T>
inline constexpr int kPanel = 2 * kLanes<T>;

// p is aligned to a vector.
template <typename T>
TRANSJET_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const Vec<T>*>(p);
}

template <typename T>
TRANSJET_INLINE void store(T* p, Vec<T> v) {
  *reinterpret_cast<Vec<T>*>(p) = v;
}

template <typename T>
TRANSJET_INLINE Vec<T> broadcast(T x) {
  return x - Vec<T>{};  // x - 0 is x for every x, so the compiler drops the subtraction
}

// mask: true lanes are -1, as comparisons return them.
template <typename T>
TRANSJET_INLINE Vec<T> select(Int<T> mask, Vec<T> yes, Vec<T> no) {
  return mask ? yes : no;
}

// Sum of the lanes, always in the same order: halves are added until one is left.
template <typename T, std::size_t kBytes = kVectorBytes, typename V>
TRANSJET_INLINE T sum(const V& v) {
  if constexpr (kBytes == sizeof(T)) {
    T lane;
    std::memcpy(&lane, &v, sizeof lane);
    return lane;
  } else {
    typedef T Half __attribute__((vector_size(kBytes / 2)));
    Half halves[2];
    std::memcpy(halves, &v, kBytes);
    return sum<T, kBytes / 2>(halves[0] + halves[1]);
  }
}

}  // namespace transjet::cpu::TRANSJET_ISA
