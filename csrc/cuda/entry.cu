// What the handlers call, on the side of CUDA's compiler.
#include <mutex>

#include "cuda/engine.h"
#include "cuda/entry.h"

namespace transjet::cuda {
namespace {

#if defined(__CUDACC__)

// XLA's first call may be the recording of a graph, and a kernel's first launch loads its code, which a
// thread that records may only do if its capture is relaxed. An error is the caller's news once, and not that
// of the next call.
class Entry {
 public:
  explicit Entry(void* stream) : stream_(static_cast<cudaStream_t>(stream)) {
    cudaThreadExchangeStreamCaptureMode(&mode_);
  }
  ~Entry() {
    cudaThreadExchangeStreamCaptureMode(&mode_);
    cudaGetLastError();
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  Stream stream() const { return stream_; }

 private:
  cudaStream_t stream_;
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

#else

// The emulation runs one call at a time.
class Entry {
 public:
  explicit Entry(void*) : lock_(mutex()) {}
  Stream stream() const { return {}; }

 private:
  static std::mutex& mutex() {
    static std::mutex only;
    return only;
  }
  std::lock_guard<std::mutex> lock_;
};

#endif

}  // namespace

template <typename Call>
std::size_t workspace_of(const Call& call, const Options& options) {
  return workspace_bytes(call, options);
}

template <typename Call>
int enqueue_on(const Call& call, const Options& options, void* workspace, void* stream) {
  const Entry entry(stream);
  return run(call, options, workspace, entry.stream());
}

const char* words_of(int code) { return error_text(code); }

#define TRANSJET_ENTRY(...)                                              \
  template std::size_t workspace_of(const __VA_ARGS__&, const Options&); \
  template int enqueue_on(const __VA_ARGS__&, const Options&, void*, void*)

TRANSJET_ENTRY(ForwardCall<float>);
TRANSJET_ENTRY(ForwardCall<double>);
TRANSJET_ENTRY(TangentCall<float>);
TRANSJET_ENTRY(TangentCall<double>);
TRANSJET_ENTRY(CotangentCall<float>);
TRANSJET_ENTRY(CotangentCall<double>);
TRANSJET_ENTRY(GaussNewtonCall<float>);
TRANSJET_ENTRY(GaussNewtonCall<double>);
TRANSJET_ENTRY(GramCall<float, float>);
TRANSJET_ENTRY(GramCall<float, double>);
TRANSJET_ENTRY(GramCall<double, double>);

}  // namespace transjet::cuda
