#include "ffi/triton_kernels.h"

#include <map>
#include <memory>

namespace transjet::ffi {
namespace {

constexpr unsigned kWarp = 32, kMaxThreads = 1024;

struct Table {
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<TritonKernel>, std::less<>> kernels;
};

// Never destroyed: XLA may launch until the process ends.
Table& table() {
  static Table* const kept = new Table;
  return *kept;
}

void check(const TritonBinary& binary) {
  const std::size_t wrong = binary.layout.find_first_not_of("pilfd0");
  if (wrong != std::string::npos) {
    throw LaunchError("kernel " + binary.entry +
                      ": its layout must be of the letters p, i, l, f, d and 0, got '" + binary.layout + "'");
  }
  if (binary.threads == 0 || binary.threads % kWarp != 0 || binary.threads > kMaxThreads) {
    throw LaunchError("kernel " + binary.entry + ": it must have whole warps and at most 1024 threads, got " +
                      std::to_string(binary.threads));
  }
}

// What a thread may do while it records a graph is restricted, and XLA's first call of a kernel can be a
// recording.
class RelaxedCapture {
 public:
  explicit RelaxedCapture(const cuda::Driver& driver) : driver_(driver) {
    driver_.cuThreadExchangeStreamCaptureMode(&mode_);
  }
  ~RelaxedCapture() { driver_.cuThreadExchangeStreamCaptureMode(&mode_); }
  RelaxedCapture(const RelaxedCapture&) = delete;
  RelaxedCapture& operator=(const RelaxedCapture&) = delete;

 private:
  const cuda::Driver& driver_;
  int mode_ = cuda::kCaptureRelaxed;
};

}  // namespace

cuda::Function TritonKernel::function(const cuda::Driver& driver, cuda::Context context) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [where, function] : loaded_) {
    if (where == context) return function;
  }
  loaded_.emplace_back(context, load(driver));
  return loaded_.back().second;
}

cuda::Function TritonKernel::load(const cuda::Driver& driver) const {
  const RelaxedCapture relaxed(driver);
  const std::string head = "kernel " + binary_.entry;
  cuda::Module module = nullptr;
  cuda::Status status = driver.cuModuleLoadData(&module, binary_.cubin.data());
  if (status == cuda::kNoBinaryForDevice) {
    throw LaunchError(head + " was compiled for another generation of GPUs", driver, status);
  }
  if (status != 0) throw LaunchError(head + " cannot be loaded", driver, status);
  cuda::Function function = nullptr;
  status = driver.cuModuleGetFunction(&function, module, binary_.entry.c_str());
  const std::string bytes = std::to_string(binary_.shared_bytes);
  std::string what = " is not in its own module";
  if (status == 0) {
    what = " cannot have " + bytes + " bytes of shared memory here";
    const int shared = static_cast<int>(binary_.shared_bytes);
    status = driver.cuFuncSetAttribute(function, cuda::kMaxDynamicSharedMemory, shared);
  }
  if (status == 0) return function;
  driver.cuModuleUnload(module);
  throw LaunchError(head + what, driver, status);
}

void register_triton_kernel(const std::string& id, TritonBinary binary) {
  check(binary);
  Table& known = table();
  const std::lock_guard<std::mutex> lock(known.mutex);
  if (known.kernels.count(id) == 0) known.kernels[id] = std::make_unique<TritonKernel>(std::move(binary));
}

TritonKernel& find_triton_kernel(std::string_view id) {
  Table& known = table();
  const std::lock_guard<std::mutex> lock(known.mutex);
  const auto found = known.kernels.find(id);
  if (found != known.kernels.end()) return *found->second;
  throw LaunchError(
      "kernel " + std::string(id) +
      " is not known in this process; a program that was compiled in another one cannot run here");
}

}  // namespace transjet::ffi
