// Compiled Triton kernels by name, and their functions in the CUDA contexts of this process.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cuda/driver.h"

namespace transjet::ffi {

// Thrown with a sentence for the user, and the driver's status where it was the driver that refused.
class LaunchError {
 public:
  explicit LaunchError(std::string text) : text_(std::move(text)) {}
  // `what`, followed by the driver's own words.
  LaunchError(const std::string& what, const cuda::Driver& driver, cuda::Status status)
      : text_(what + ": " + cuda::error_text(driver, status)), status_(status) {}
  const std::string& text() const { return text_; }
  bool out_of_memory() const { return status_ == cuda::kNoMemory; }

 private:
  std::string text_;
  cuda::Status status_ = 0;
};

// A kernel as Triton has compiled it. `layout` has a letter for each of its parameters: p, a buffer; i or l,
// a 32- or 64-bit integer; f or d, a float32 or float64; 0, a pointer that is always null (Triton's own
// scratch, unused).
struct TritonBinary {
  std::string cubin, entry, layout;
  unsigned shared_bytes, threads;
};

class TritonKernel {
 public:
  explicit TritonKernel(TritonBinary binary) : binary_(std::move(binary)) {}
  const TritonBinary& binary() const { return binary_; }

  // The function in the context given, which must be current; loaded by the first call. Throws LaunchError.
  cuda::Function function(const cuda::Driver& driver, cuda::Context context);

 private:
  cuda::Function load(const cuda::Driver& driver) const;

  const TritonBinary binary_;
  std::mutex mutex_;
  std::vector<std::pair<cuda::Context, cuda::Function>> loaded_;
};

// Makes a kernel known under a name; a name that is known keeps its kernel. Throws LaunchError for a layout
// with letters of no meaning, or threads that are no whole warps.
void register_triton_kernel(const std::string& id, TritonBinary binary);

// The kernel of that name. Throws LaunchError if there is none.
TritonKernel& find_triton_kernel(std::string_view id);

}  // namespace transjet::ffi
