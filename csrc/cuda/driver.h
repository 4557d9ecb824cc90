// NVIDIA's driver API, found with dlopen when it is first wanted: building takes no CUDA toolkit, and
// importing no driver. Names and argument lists are those of the driver's C interface; handles are opaque.
#pragma once

#include <string>

namespace transjet::cuda {

using Status = int;  // CUresult; 0 is success
using Context = struct OpaqueContext*;
using Module = struct OpaqueModule*;
using Function = struct OpaqueFunction*;
using Stream = void*;  // CUstream, as XLA hands it over

constexpr int kMaxDynamicSharedMemory = 8;  // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
constexpr int kCaptureRelaxed = 2;          // CU_STREAM_CAPTURE_MODE_RELAXED
constexpr Status kNoMemory = 2;             // CUDA_ERROR_OUT_OF_MEMORY
constexpr Status kNoBinaryForDevice = 209;  // CUDA_ERROR_NO_BINARY_FOR_GPU

// Names another library to open in the driver's place: the tests have one that needs no GPU.
constexpr const char* kDriverVariable = "TRANSJET_CUDA_DRIVER";

struct Driver {
  Status (*cuDriverGetVersion)(int* version);
  Status (*cuGetErrorName)(Status, const char** name);
  Status (*cuGetErrorString)(Status, const char** text);
  Status (*cuCtxPushCurrent_v2)(Context);
  Status (*cuCtxPopCurrent_v2)(Context*);
  Status (*cuStreamGetCtx)(Stream, Context*);
  Status (*cuThreadExchangeStreamCaptureMode)(int* mode);
  Status (*cuModuleLoadData)(Module*, const void* image);
  Status (*cuModuleUnload)(Module);
  Status (*cuModuleGetFunction)(Function*, Module, const char* name);
  Status (*cuFuncSetAttribute)(Function, int attribute, int value);
  Status (*cuLaunchKernel)(Function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                           unsigned block_y, unsigned block_z, unsigned shared_bytes, Stream,
                           void** parameters, void** extra);
};

struct DriverStatus {
  const Driver* driver;  // null where there is none
  std::string reason;    // why (not), as a fragment of a sentence
};

// Opens the library `name` and looks the functions up.
DriverStatus open_driver(const char* name, Driver& functions);

// The driver of this process: opened by the first call, and for good.
const DriverStatus& driver();

// The driver's own words for a status: "CUDA_ERROR_INVALID_VALUE (invalid argument)".
std::string error_text(const Driver& driver, Status status);

}  // namespace transjet::cuda
