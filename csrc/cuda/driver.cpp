#include "cuda/driver.h"

#include <dlfcn.h>

#include <cstdlib>

namespace transjet::cuda {
namespace {

constexpr const char* kLibrary = "libcuda.so.1";

// Remembers the first function that is missing.
class Lookup {
 public:
  explicit Lookup(void* library) : library_(library) {}

  template <typename F>
  void operator()(F*& function, const char* name) {
    void* found = dlsym(library_, name);
    if (found == nullptr && missing_.empty()) missing_ = name;
    function = reinterpret_cast<F*>(found);
  }

  const std::string& missing() const { return missing_; }

 private:
  void* library_;
  std::string missing_;
};

void look_up(Lookup& find, Driver& d) {
#define TRANSJET_FIND(name) find(d.name, #name)
  TRANSJET_FIND(cuDriverGetVersion);
  TRANSJET_FIND(cuGetErrorName);
  TRANSJET_FIND(cuGetErrorString);
  TRANSJET_FIND(cuCtxPushCurrent_v2);
  TRANSJET_FIND(cuCtxPopCurrent_v2);
  TRANSJET_FIND(cuStreamGetCtx);
  TRANSJET_FIND(cuThreadExchangeStreamCaptureMode);
  TRANSJET_FIND(cuModuleLoadData);
  TRANSJET_FIND(cuModuleUnload);
  TRANSJET_FIND(cuModuleGetFunction);
  TRANSJET_FIND(cuFuncSetAttribute);
  TRANSJET_FIND(cuLaunchKernel);
#undef TRANSJET_FIND
}

std::string version_text(const Driver& d) {
  int version = 0;
  const Status status = d.cuDriverGetVersion(&version);
  if (status != 0) return "NVIDIA driver of unknown version, " + error_text(d, status);
  return "NVIDIA driver for CUDA " + std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

}  // namespace

DriverStatus open_driver(const char* name, Driver& functions) {
  void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    return {nullptr, std::string("no NVIDIA driver (") + (why == nullptr ? name : why) + ")"};
  }
  Lookup find(library);
  look_up(find, functions);
  if (!find.missing().empty()) {
    dlclose(library);
    return {nullptr,
            std::string("the NVIDIA driver ") + name + " lacks " + find.missing() + "; install a newer one"};
  }
  return {&functions, version_text(functions)};
}

const DriverStatus& driver() {
  static Driver functions{};
  static const DriverStatus status = [] {
    const char* name = std::getenv(kDriverVariable);
    return open_driver(name == nullptr || *name == '\0' ? kLibrary : name, functions);
  }();
  return status;
}

std::string error_text(const Driver& driver, Status status) {
  const char *name = nullptr, *text = nullptr;
  if (driver.cuGetErrorName(status, &name) != 0 || name == nullptr) name = "unknown error";
  if (driver.cuGetErrorString(status, &text) != 0 || text == nullptr) text = "no description";
  return std::string(name) + " (" + text + ")";
}

}  // namespace transjet::cuda
