// The three roles of every jet on a GPU. Operands and results are those of the handlers for the CPU, in the
// device's memory, and a workspace as the last result.
#include "ffi/cuda_call.h"
#include "ffi/handlers.h"
#include "ffi/jet_roles.h"

namespace transjet::ffi {
namespace {

template <typename Role>
xf::Error on_cuda(std::string_view op, const Role& role, xf::RemainingArgs arguments,
                  xf::RemainingRets results, const JetSettings& jet, const CudaSettings& settings) {
  Reader reader(op, arguments, results);
  return with_jet_call(reader, role, jet, Memory::kDevice,
                       [&](const auto& call) { return enqueue(reader, call, settings); });
}

#define TRANSJET_ROLE(role, Role)                                                                          \
  xf::Error role##_on_cuda(xf::RemainingArgs arguments, xf::RemainingRets results, void* stream,           \
                           std::string_view jet, std::string_view activation, std::string_view directions, \
                           std::string_view precision, std::int64_t workspace) {                           \
    return on_cuda("transjet_jet_" #role, Role{}, arguments, results, {jet, activation, directions},       \
                   {stream, precision, workspace});                                                        \
  }

TRANSJET_ROLE(forward, Forward)
TRANSJET_ROLE(tangent, Tangent)
TRANSJET_ROLE(cotangent, Cotangent)

auto binding() {
  return xf::Ffi::Bind()
      .RemainingArgs()
      .RemainingRets()
      .Ctx<xf::PlatformStream<void*>>()
      .Attr<std::string_view>("jet")
      .Attr<std::string_view>("activation")
      .Attr<std::string_view>("directions")
      .Attr<std::string_view>("precision")
      .Attr<std::int64_t>("workspace");
}

}  // namespace

bool parse_precision(std::string_view name, cuda::Precision& precision) {
  if (name == "default") {
    precision = cuda::Precision::kDefault;
  } else if (name == "ieee") {
    precision = cuda::Precision::kIeee;
  } else if (name == "bf16x3") {
    precision = cuda::Precision::kBf16x3;
  } else {
    return false;
  }
  return true;
}

}  // namespace transjet::ffi

XLA_FFI_DEFINE_HANDLER_SYMBOL(transjet_jet_forward_cuda, transjet::ffi::forward_on_cuda,
                              transjet::ffi::binding(), {xla::ffi::Traits::kCmdBufferCompatible});
XLA_FFI_DEFINE_HANDLER_SYMBOL(transjet_jet_tangent_cuda, transjet::ffi::tangent_on_cuda,
                              transjet::ffi::binding(), {xla::ffi::Traits::kCmdBufferCompatible});
XLA_FFI_DEFINE_HANDLER_SYMBOL(transjet_jet_cotangent_cuda, transjet::ffi::cotangent_on_cuda,
                              transjet::ffi::binding(), {xla::ffi::Traits::kCmdBufferCompatible});
