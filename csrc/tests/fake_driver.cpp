// A library in the place of NVIDIA's driver, for machines without one. It checks what it is asked as the
// driver would and writes a log. Its modules are texts, "FAKE entry layout"; a kernel named saxpy really
// runs, on the host. A stream's number is that of its context.
#include <chrono>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#define TRANSJET_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct Module {
  std::string entry, layout;
  std::uintptr_t context;
};

constexpr int kInvalidValue = 1, kOutOfMemory = 2, kInvalidImage = 200, kInvalidContext = 201,
              kNoBinary = 209, kInvalidHandle = 400, kNotFound = 500, kOutOfResources = 701,
              kCaptureUnsupported = 900;
constexpr std::uintptr_t kFirstContext = 0xC000;
constexpr int kLargestSharedMemory = 232448;

thread_local std::uintptr_t current_context = 0, outer_context = 0;
thread_local int depth = 0;
thread_local int capture_mode = 0;
std::mutex mutex;
std::string text;

void log(const std::string& line) {
  const std::lock_guard<std::mutex> lock(mutex);
  text += line + "\n";
}

std::string describe(char kind, const void* at) {
  std::ostringstream out;
  out << ' ' << kind;
  if (kind == 'p' || kind == '0') out << (*static_cast<void* const*>(at) == nullptr ? ":null" : ":set");
  if (kind == 'i') out << ':' << *static_cast<const std::int32_t*>(at);
  if (kind == 'l') out << ':' << *static_cast<const std::int64_t*>(at);
  if (kind == 'f') out << ':' << *static_cast<const float*>(at);
  if (kind == 'd') out << ':' << *static_cast<const double*>(at);
  return out.str();
}

// saxpy(x, y, out, n, a): out = a x + y
void saxpy(void** parameters) {
  const auto pointer = [&](int i) { return *static_cast<float**>(parameters[i]); };
  const std::int32_t n = *static_cast<std::int32_t*>(parameters[3]);
  const float a = *static_cast<float*>(parameters[4]);
  for (std::int32_t i = 0; i < n; ++i) pointer(2)[i] = a * pointer(0)[i] + pointer(1)[i];
}

}  // namespace

TRANSJET_EXPORT const char* fake_driver_log() { return text.c_str(); }
TRANSJET_EXPORT void fake_driver_clear() { text.clear(); }
// Contexts of this thread that were pushed and not popped.
TRANSJET_EXPORT int fake_driver_depth() { return depth; }

TRANSJET_EXPORT int cuDriverGetVersion(int* version) {
  *version = 13020;
  return 0;
}

TRANSJET_EXPORT int cuGetErrorName(int status, const char** name) {
  *name = status == kInvalidValue     ? "CUDA_ERROR_INVALID_VALUE"
          : status == kOutOfMemory    ? "CUDA_ERROR_OUT_OF_MEMORY"
          : status == kInvalidImage   ? "CUDA_ERROR_INVALID_IMAGE"
          : status == kNoBinary       ? "CUDA_ERROR_NO_BINARY_FOR_GPU"
          : status == kNotFound       ? "CUDA_ERROR_NOT_FOUND"
          : status == kOutOfResources ? "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"
                                      : nullptr;
  return *name == nullptr ? kInvalidValue : 0;
}

TRANSJET_EXPORT int cuGetErrorString(int status, const char** words) {
  *words = status == kOutOfResources ? "too many resources requested for launch" : "in other words";
  return 0;
}

TRANSJET_EXPORT int cuStreamGetCtx(void* stream, std::uintptr_t* context) {
  if (stream == reinterpret_cast<void*>(0xBAD)) return kInvalidHandle;
  *context = kFirstContext + reinterpret_cast<std::uintptr_t>(stream);
  return 0;
}

TRANSJET_EXPORT int cuCtxPushCurrent_v2(std::uintptr_t context) {
  ++depth;
  outer_context = current_context;
  current_context = context;
  return 0;
}

TRANSJET_EXPORT int cuCtxPopCurrent_v2(std::uintptr_t* context) {
  --depth;
  *context = current_context;
  current_context = outer_context;
  return 0;
}

TRANSJET_EXPORT int cuThreadExchangeStreamCaptureMode(int* mode) {
  std::swap(*mode, capture_mode);
  return 0;
}

TRANSJET_EXPORT int cuModuleLoadData(Module** module, const char* image) {
  if (current_context == 0) return kInvalidContext;
  if (capture_mode != 2) return kCaptureUnsupported;
  std::istringstream words(image);
  std::string mark, entry, layout;
  words >> mark >> entry >> layout;
  log("load " + entry + " in context " + std::to_string(current_context - kFirstContext));
  std::this_thread::sleep_for(std::chrono::milliseconds(5));  // so that threads which race meet here
  if (mark == "OTHER-GPU") return kNoBinary;
  if (mark == "HUGE") return kOutOfMemory;
  if (mark != "FAKE") return kInvalidImage;
  *module = new Module{entry, layout, current_context};
  return 0;
}

TRANSJET_EXPORT int cuModuleUnload(Module* module) {
  log("unload " + module->entry);
  delete module;
  return 0;
}

TRANSJET_EXPORT int cuModuleGetFunction(Module** function, Module* module, const char* name) {
  if (module->entry != name) return kNotFound;
  *function = module;
  return 0;
}

TRANSJET_EXPORT int cuFuncSetAttribute(Module*, int attribute, int value) {
  return attribute == 8 && value >= 0 && value <= kLargestSharedMemory ? 0 : kInvalidValue;
}

TRANSJET_EXPORT int cuLaunchKernel(Module* function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                   unsigned block_x, unsigned block_y, unsigned block_z,
                                   unsigned shared_bytes, void* stream, void** parameters, void** extra) {
  if (function->context != current_context || capture_mode != 0) return kInvalidHandle;
  if (grid_x == 0 || grid_y == 0 || grid_z == 0 || extra != nullptr) return kInvalidValue;
  std::ostringstream line;
  line << "launch " << function->entry << " grid " << grid_x << ' ' << grid_y << ' ' << grid_z << " block "
       << block_x * block_y * block_z << " shared " << shared_bytes << " stream "
       << reinterpret_cast<std::uintptr_t>(stream) << " with";
  for (std::size_t i = 0; i < function->layout.size(); ++i)
    line << describe(function->layout[i], parameters[i]);
  log(line.str());
  if (block_x > 512) return kOutOfResources;
  if (function->entry == "glutton") return kOutOfMemory;
  if (function->entry == "saxpy") saxpy(parameters);
  return 0;
}
