// Compiles if the driver's functions take what our declarations say: for use with NVIDIA's own cuda.h.
#include <cuda.h>

#include <tuple>
#include <type_traits>

#include "cuda/driver.h"

namespace {

// Pointers stay pointers to something as deep, everything else keeps its kind and size.
template <typename A, typename B>
constexpr bool same_kind() {
  if constexpr (std::is_pointer_v<A> && std::is_pointer_v<B>) {
    using To = std::remove_cv_t<std::remove_pointer_t<A>>;
    using Other = std::remove_cv_t<std::remove_pointer_t<B>>;
    constexpr bool opaque = std::is_void_v<To> || std::is_void_v<Other> || std::is_class_v<To>;
    if constexpr (opaque) {
      return std::is_void_v<Other> || std::is_class_v<Other>;
    } else {
      return same_kind<To, Other>();
    }
  } else if constexpr (std::is_pointer_v<A> || std::is_pointer_v<B>) {
    return false;
  } else {
    return sizeof(A) == sizeof(B) && (std::is_integral_v<A> || std::is_enum_v<A>) &&
           (std::is_integral_v<B> || std::is_enum_v<B>);
  }
}

template <typename F, typename G>
struct Same;

template <typename R, typename... A, typename S, typename... B>
struct Same<R (*)(A...), S (*)(B...)> {
  static constexpr bool value = [] {
    if constexpr (sizeof...(A) == sizeof...(B)) {
      return same_kind<R, S>() && (same_kind<A, B>() && ...);
    } else {
      return false;
    }
  }();
};

#define TRANSJET_SAME(ours, theirs) \
  static_assert(Same<decltype(transjet::cuda::Driver::ours), decltype(&theirs)>::value, #ours)

TRANSJET_SAME(cuDriverGetVersion, cuDriverGetVersion);
TRANSJET_SAME(cuGetErrorName, cuGetErrorName);
TRANSJET_SAME(cuGetErrorString, cuGetErrorString);
TRANSJET_SAME(cuCtxPushCurrent_v2, cuCtxPushCurrent);  // the header gives the newest version the plain name
TRANSJET_SAME(cuCtxPopCurrent_v2, cuCtxPopCurrent);
TRANSJET_SAME(cuStreamGetCtx, cuStreamGetCtx);
TRANSJET_SAME(cuThreadExchangeStreamCaptureMode, cuThreadExchangeStreamCaptureMode);
TRANSJET_SAME(cuModuleLoadData, cuModuleLoadData);
TRANSJET_SAME(cuModuleUnload, cuModuleUnload);
TRANSJET_SAME(cuModuleGetFunction, cuModuleGetFunction);
TRANSJET_SAME(cuFuncSetAttribute, cuFuncSetAttribute);
TRANSJET_SAME(cuLaunchKernel, cuLaunchKernel);

static_assert(!Same<int (*)(int), int (*)(int*)>::value && !Same<int (*)(int), int (*)(int, int)>::value);
static_assert(!Same<int (*)(int*), int (*)(int**)>::value && !Same<int (*)(int), int (*)(double)>::value);

static_assert(transjet::cuda::kMaxDynamicSharedMemory == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
static_assert(transjet::cuda::kCaptureRelaxed == CU_STREAM_CAPTURE_MODE_RELAXED);
static_assert(transjet::cuda::kNoMemory == CUDA_ERROR_OUT_OF_MEMORY);
static_assert(transjet::cuda::kNoBinaryForDevice == CUDA_ERROR_NO_BINARY_FOR_GPU);

}  // namespace
