// The extension module: hands XLA's handlers and the story of the build to Python, and nothing else.
#include <pybind11/pybind11.h>

#include "build_config.h"
#include "cpu/dispatch.h"
#include "cuda/driver.h"
#include "cuda/views.h"
#include "ffi/cuda_workspace.h"
#include "ffi/registry.h"
#include "ffi/terms.h"
#include "ffi/triton_kernels.h"
#include "xla/ffi/api/ffi.h"

namespace py = pybind11;

namespace {

// Instruction set that the compiler assumes everywhere, so that the module cannot be loaded without it.
constexpr const char* simd_baseline() {
#if defined(__AVX512F__)
  return "avx512f";
#elif defined(__AVX2__)
  return "avx2";
#elif defined(__SSE2__)
  return "sse2";
#elif defined(__ARM_NEON)
  return "neon";
#else
  return "none";
#endif
}

// {target: {platform: capsule of the handler}}
py::dict registrations() {
  py::dict targets;
  for (const auto& row : transjet::ffi::registrations()) {
    if (!targets.contains(row.target)) targets[row.target] = py::dict();
    targets[row.target][row.platform] = py::capsule(reinterpret_cast<void*>(row.handler));
  }
  return targets;
}

py::dict build_info() {
  namespace config = transjet::build_config;
  py::dict cuda;
  cuda["compiled"] = config::kCudaCompiled;
  cuda["reason"] = config::kCudaReason;
  cuda["architectures"] = config::kCudaArchitectures;
  cuda["toolkit"] = config::kCudaToolkit;
  py::dict info;
  info["version"] = config::kVersion;
  info["compiler"] = config::kCompiler;
  info["build_type"] = config::kBuildType;
  info["ffi_api_version"] = py::make_tuple(XLA_FFI_API_MAJOR, XLA_FFI_API_MINOR);
  info["jaxlib"] = config::kJaxlib;
  info["cuda"] = cuda;
  info["simd_baseline"] = simd_baseline();
  return info;
}

// Instruction sets of the kernels: those that run here, best first, and the one in use.
py::dict simd() {
  py::list supported;
  for (const std::string& name : transjet::cpu::supported_isas()) supported.append(name);
  py::dict info;
  info["supported"] = supported;
  info["selected"] = transjet::cpu::selected_isa();
  return info;
}

std::vector<transjet::ffi::TermSizes> term_sizes(const py::list& terms) {
  std::vector<transjet::ffi::TermSizes> sizes;
  for (const py::handle term : terms) {
    const auto row = py::cast<py::tuple>(term);
    sizes.push_back({py::cast<std::string>(row[0]),
                     py::cast<std::string>(row[1]),
                     {},
                     py::cast<int>(row[3]),
                     py::cast<int>(row[4]),
                     py::cast<bool>(row[5])});
    for (const py::handle width : row[2]) sizes.back().widths.push_back(py::cast<int>(width));
  }
  return sizes;
}

std::size_t factor_bytes(const std::string& dtype, std::size_t points, const py::list& terms) {
  return transjet::ffi::factor_bytes(dtype == "float64", points, term_sizes(terms));
}

#if defined(TRANSJET_CUDA_KERNELS)
std::size_t cuda_workspace_bytes(const std::string& target, const std::string& dtype,
                                 const std::string& precision, bool precise, std::size_t points, int vectors,
                                 const py::list& terms) {
  return transjet::ffi::cuda_workspace_bytes(
      {target, precision, dtype == "float64", precise, points, vectors, term_sizes(terms)});
}
#endif

// Whether there is an NVIDIA driver, and a fragment of a sentence about it.
py::tuple cuda_driver() {
  const transjet::cuda::DriverStatus& status = transjet::cuda::driver();
  return py::make_tuple(status.driver != nullptr, status.reason);
}

void register_kernel(const std::string& id, const py::bytes& cubin, const std::string& entry,
                     const std::string& layout, unsigned shared_bytes, unsigned threads) {
  try {
    transjet::ffi::register_triton_kernel(id, {cubin, entry, layout, shared_bytes, threads});
  } catch (const transjet::ffi::LaunchError& error) {
    throw py::value_error(error.text());
  }
}

}  // namespace

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
  m.doc() = "Compiled core of transjet. Only transjet.backend.ffi imports it.";
  m.def("registrations", &registrations, "XLA FFI handlers: {target: {platform: capsule}}.");
  m.def("simd", &simd, "Instruction sets of the kernels: supported and selected.");
  m.def("select_simd", &transjet::cpu::select_isa, py::arg("name"),
        "Use the named instruction set, \"\" for the best; False if it is not supported.");
  m.def("factor_bytes", &factor_bytes, py::arg("dtype"), py::arg("points"), py::arg("terms"),
        "Size of kept factors, for terms (jet, directions, widths, coordinates, count of directions, whether "
        "the first layer is frozen).");
#if defined(TRANSJET_CUDA_KERNELS)
  m.def("cuda_workspace_bytes", &cuda_workspace_bytes, py::arg("target"), py::arg("dtype"),
        py::arg("precision"), py::arg("precise"), py::arg("points"), py::arg("vectors"), py::arg("terms"),
        "Size of the workspace of a CUDA kernel; terms as in factor_bytes.");
  m.attr("cuda_max_layers") = transjet::cuda::kMaxLayers;
#endif
  m.def("cuda_driver", &cuda_driver, "Whether there is an NVIDIA driver, and why (not).");
  m.def("register_kernel", &register_kernel, py::arg("id"), py::arg("cubin"), py::arg("entry"),
        py::arg("layout"), py::arg("shared_bytes"), py::arg("threads"),
        "Make a compiled Triton kernel known to transjet_triton_launch.");
  m.def("build_info", &build_info, "What this build is made of.");
}
