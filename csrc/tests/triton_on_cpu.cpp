// The launcher's handler for the CPU platform, whose operands a library in the place of NVIDIA's driver can
// reach. The Python tests build and load it.
#include "ffi/triton_ffi.cpp"

namespace transjet::ffi {
namespace {

constexpr std::uintptr_t kStream = 5;

xf::Error on_cpu(xf::RemainingArgs arguments, xf::RemainingRets results, std::string_view kernel,
                 Attribute<std::int64_t> grid, Attribute<std::int64_t> order,
                 Attribute<std::int64_t> integers, Attribute<double> reals) {
  return launch_handler(arguments, results, reinterpret_cast<void*>(kStream), kernel, grid, order, integers,
                        reals);
}

}  // namespace
}  // namespace transjet::ffi

XLA_FFI_DEFINE_HANDLER(transjet_triton_on_cpu_handler, transjet::ffi::on_cpu,
                       xla::ffi::Ffi::Bind()
                           .RemainingArgs()
                           .RemainingRets()
                           .Attr<std::string_view>("kernel")
                           .Attr<xla::ffi::Span<const std::int64_t>>("grid")
                           .Attr<xla::ffi::Span<const std::int64_t>>("order")
                           .Attr<xla::ffi::Span<const std::int64_t>>("integers")
                           .Attr<xla::ffi::Span<const double>>("reals"));

#define TRANSJET_EXPORT extern "C" __attribute__((visibility("default")))

TRANSJET_EXPORT XLA_FFI_Error* transjet_triton_on_cpu(XLA_FFI_CallFrame* frame) {
  return transjet_triton_on_cpu_handler(frame);
}

TRANSJET_EXPORT bool transjet_register(const char* id, const char* cubin, const char* entry,
                                       const char* layout) {
  try {
    transjet::ffi::register_triton_kernel(id, {cubin, entry, layout, 0, 128});
  } catch (const transjet::ffi::LaunchError&) {
    return false;
  }
  return true;
}

// What the handler for CUDA tells XLA of itself.
TRANSJET_EXPORT XLA_FFI_Handler_Traits transjet_traits_on_cuda() {
  XLA_FFI_Metadata metadata{};
  metadata.struct_size = XLA_FFI_Metadata_STRUCT_SIZE;
  XLA_FFI_Metadata_Extension extension{};
  extension.extension_base.struct_size = XLA_FFI_Metadata_Extension_STRUCT_SIZE;
  extension.extension_base.type = XLA_FFI_Extension_Metadata;
  extension.metadata = &metadata;
  XLA_FFI_CallFrame frame{};
  frame.struct_size = XLA_FFI_CallFrame_STRUCT_SIZE;
  frame.extension_start = &extension.extension_base;
  transjet_triton_launch_cuda(&frame);
  return metadata.traits;
}
