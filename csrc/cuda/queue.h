// Kernels that are enqueued on one stream, in order, up to the first error.
#pragma once

#include "cuda/device.cuh"
#include "cuda/options.h"

namespace transjet::cuda {

class Queue {
 public:
  explicit Queue(Stream stream, Precision precision = Precision::kDefault)
      : stream_(stream), precision_(precision) {}

  template <typename Kernel, typename... Arguments>
  void launch(Kernel kernel, dim3 grid, dim3 block, std::size_t shared_bytes, const Arguments&... arguments) {
    if (error_ != 0) return;
    error_ = cuda::launch(kernel, grid, block, shared_bytes, stream_, arguments...);
    ++launches_;
  }
  // How many blocks of a kernel the device holds at once; 1 after an error.
  template <typename Kernel>
  int resident_blocks(Kernel kernel, unsigned threads, std::size_t shared_bytes) {
    int blocks = 1;
    if (error_ == 0) error_ = find_resident_blocks(kernel, threads, shared_bytes, blocks);
    return error_ == 0 ? blocks : 1;
  }
  // What somebody else has enqueued on the stream.
  void add(int error) {
    if (error_ == 0) error_ = error;
    ++launches_;
  }

  Stream stream() const { return stream_; }
  Precision precision() const { return precision_; }  // of products
  int error() const { return error_; }                // 0, or a code of CUDA's
  int launches() const { return launches_; }

 private:
  Stream stream_;
  Precision precision_;
  int error_ = 0, launches_ = 0;
};

inline constexpr int kStepThreads = 256;

// Blocks of kStepThreads threads, one thread an element.
inline dim3 blocks_for(std::size_t elements) {
  return dim3(static_cast<unsigned>((elements + kStepThreads - 1) / kStepThreads));
}

}  // namespace transjet::cuda
