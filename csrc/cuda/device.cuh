// The words in which kernels are written, for NVIDIA's compiler and, emulated, for any C++ compiler.
//
// A kernel is `TRANSJET_KERNEL void name(parameters by value)`; threadIdx, blockIdx, blockDim and gridDim are
// CUDA's. Large parameters are TRANSJET_CONSTANT: read where they lie. It takes all its shared memory from
// shared_memory(), and all lanes of a warp take part in every shuffle and matrix instruction.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#include <cuda_runtime.h>

#include "cuda/kernel_states.h"
#define TRANSJET_KERNEL __global__
#define TRANSJET_DEVICE __device__ __forceinline__
#define TRANSJET_HOST_DEVICE __host__ __device__ __forceinline__
#define TRANSJET_CONSTANT const __grid_constant__
#define TRANSJET_BOUNDS(threads, blocks) __launch_bounds__(threads, blocks)
#define TRANSJET_UNROLL _Pragma("unroll")
#define TRANSJET_NO_UNROLL _Pragma("unroll 1")
#else
#include <cstring>

#include "cuda/emulate.h"
#define TRANSJET_KERNEL inline
#define TRANSJET_DEVICE inline
#define TRANSJET_HOST_DEVICE inline
#define TRANSJET_CONSTANT const
#define TRANSJET_BOUNDS(threads, blocks)
#define TRANSJET_UNROLL
#define TRANSJET_NO_UNROLL
#endif

namespace transjet::cuda {

inline constexpr int kWarpSize = 32;

TRANSJET_DEVICE int lane_index() { return static_cast<int>(threadIdx.x) % kWarpSize; }
TRANSJET_DEVICE int warp_index() { return static_cast<int>(threadIdx.x) / kWarpSize; }

#if defined(__CUDACC__)

using Stream = cudaStream_t;

TRANSJET_DEVICE char* shared_memory() {
  extern __shared__ __align__(128) char transjet_shared_memory[];
  return transjet_shared_memory;
}
TRANSJET_DEVICE void sync_threads() { __syncthreads(); }
TRANSJET_DEVICE void sync_warp() { __syncwarp(); }
// Instructions stay on their side of it, so that the compiler needs registers for those of one side only.
TRANSJET_DEVICE void separate_instructions() { __syncwarp(); }
template <typename T>
TRANSJET_DEVICE T shuffle(T value, int lane) {
  return __shfl_sync(0xffffffffU, value, lane);
}
template <typename T>
TRANSJET_DEVICE T shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffU, value, mask);
}

TRANSJET_DEVICE void cp_async16(void* shared, const void* global) {
  const auto to = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(__cvta_generic_to_global(global))
               : "memory");
}
TRANSJET_DEVICE void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int kPending>
TRANSJET_DEVICE void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

// Lets a kernel have its shared memory on the current device, and finds its state there.
template <typename... Parameters>
int prepare(void (*kernel)(Parameters...), unsigned threads, std::size_t shared_bytes, KernelState& state) {
  const auto ask = [&](int device, KernelState& own) -> int {
    int blocks = 0, multiprocessors = 0;
    cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                             static_cast<int>(shared_bytes));
    if (error == cudaSuccess)
      error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, static_cast<int>(threads),
                                                            shared_bytes);
    if (error == cudaSuccess)
      error = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
    if (blocks * multiprocessors > 0) own.resident_blocks = blocks * multiprocessors;
    return error;
  };
  int device = 0;
  int error = cudaGetDevice(&device);
  if (error == 0) {
    error = KernelStates::instance().find(reinterpret_cast<const void*>(kernel), device, shared_bytes, state,
                                          [&](KernelState& own) { return ask(device, own); });
  }
  if (error != 0) cudaGetLastError();  // forget it, or every later launch of this thread would seem to fail
  return error;
}

// Blocks that the current device holds at once; 0, or the error's code.
template <typename... Parameters>
int find_resident_blocks(void (*kernel)(Parameters...), unsigned threads, std::size_t shared_bytes,
                         int& blocks) {
  KernelState state{};
  const int error = prepare(kernel, threads, shared_bytes, state);
  blocks = state.resident_blocks;
  return error;
}

// Enqueues a kernel; 0, or the error's code. A grid without blocks is no error.
template <typename... Parameters, typename... Arguments>
int launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes, Stream stream,
           Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return 0;
  if (shared_bytes > 48 * 1024) {
    KernelState state{};
    if (const int error = prepare(kernel, block.x * block.y * block.z, shared_bytes, state); error != 0)
      return error;
  }
  kernel<<<grid, block, shared_bytes, stream>>>(static_cast<Parameters>(arguments)...);
  return cudaGetLastError();
}

inline int memset_async(void* memory, int byte, std::size_t bytes, Stream stream) {
  return bytes == 0 ? 0 : cudaMemsetAsync(memory, byte, bytes, stream);
}

inline const char* error_text(int code) { return cudaGetErrorString(static_cast<cudaError_t>(code)); }

#else

struct Stream {};

inline char* shared_memory() { return Emulator::instance().shared_memory(); }
inline void sync_threads() {
  static const char tag = 0;
  Emulator::instance().meet_block(&tag, [] {});
}
inline void sync_warp() {
  static const char tag = 0;
  Emulator::instance().meet_warp(&tag, [] {});
}
inline void separate_instructions() {}

// Each lane gets the value of lane from(lane).
template <typename T>
T shuffle(T value, int from) {
  static const char tag = 0;
  struct Exchange {
    T value, *result;
    int from;
  };
  Emulator& emulator = Emulator::instance();
  T result = value;
  emulator.slot<Exchange>(emulator.lane()) = {value, &result, from};
  emulator.meet_warp(&tag, [&] {
    for (unsigned lane = 0; lane < Emulator::kWarp; ++lane) {
      const Exchange& own = emulator.slot<Exchange>(lane);
      *own.result = emulator.slot<Exchange>(static_cast<unsigned>(own.from) % Emulator::kWarp).value;
    }
  });
  return result;
}
template <typename T>
T shuffle_xor(T value, int mask) {
  return shuffle(value, lane_index() ^ mask);
}

inline void cp_async16(void* shared, const void* global) {
  Emulator& emulator = Emulator::instance();
  if (reinterpret_cast<std::uintptr_t>(shared) % 16 != 0 ||
      reinterpret_cast<std::uintptr_t>(global) % 16 != 0) {
    emulator.fail("an asynchronous copy that is not aligned to 16 bytes");
  }
  emulator.copy_async(shared, global, 16);
}
inline void cp_async_commit() { Emulator::instance().commit_copies(); }
template <int kPending>
void cp_async_wait() {
  Emulator::instance().wait_for_copies(kPending);
}

template <typename... Parameters>
int find_resident_blocks(void (*)(Parameters...), unsigned, std::size_t, int& blocks) {
  blocks = Emulator::instance().resident_blocks;
  return 0;
}

template <typename... Parameters, typename... Arguments>
int launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes, Stream,
           Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return 0;
  Emulator::instance().run(grid, block, shared_bytes, [=] { kernel(static_cast<Parameters>(arguments)...); });
  return 0;
}

inline int memset_async(void* memory, int byte, std::size_t bytes, Stream) {
  if (bytes > 0) std::memset(memory, byte, bytes);
  return 0;
}

inline const char* error_text(int code) { return code == 0 ? "no error" : "an error"; }

#endif

}  // namespace transjet::cuda
