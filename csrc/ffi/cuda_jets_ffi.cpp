// The three roles of every jet on a GPU. Operands and results are those of the handlers for the CPU, in the
// device's memory, and a workspace as the last result.
#include "ffi/cuda_call.h"
#include "ffi/handlers.h"
#include "ffi/jet_operands.h"

namespace transjet::ffi {
namespace {

template <typename T>
xf::Error forward(Reader& reader, const JetSettings& jet, const CudaSettings& settings) {
  const JetOperands<T> operands(reader, jet);
  return enqueue(reader, cpu::ForwardCall<T>{operands.problem(), operands.write_fields(reader)}, settings);
}

template <typename T>
xf::Error tangent(Reader& reader, const JetSettings& jet, const CudaSettings& settings) {
  const JetOperands<T> operands(reader, jet);
  const ParameterSets<const T> vector = operands.read_parameters(reader, 0);
  const cpu::TangentCall<T> call{operands.problem(), vector[0], operands.write_fields(reader)};
  return enqueue(reader, call, settings);
}

template <typename T>
xf::Error cotangent(Reader& reader, const JetSettings& jet, const CudaSettings& settings) {
  const JetOperands<T> operands(reader, jet);
  const Fields<const T> fields = operands.read_fields(reader);
  const ParameterSets<T> gradient = operands.write_parameters(reader, 0, Memory::kDevice);
  return enqueue(reader, cpu::CotangentCall<T>{operands.problem(), fields, gradient[0]}, settings);
}

using Role = xf::Error (*)(Reader&, const JetSettings&, const CudaSettings&);

xf::Error in_role(std::string_view op, Role single, Role twice, xf::RemainingArgs arguments,
                  xf::RemainingRets results, const JetSettings& jet, const CudaSettings& settings) {
  Reader reader(op, arguments, results);
  return guarded(op, [&] {
    return reader.dtype() == xf::F64 ? twice(reader, jet, settings) : single(reader, jet, settings);
  });
}

#define TRANSJET_ROLE(role)                                                                                \
  xf::Error role##_on_cuda(xf::RemainingArgs arguments, xf::RemainingRets results, void* stream,           \
                           std::string_view jet, std::string_view activation, std::string_view directions, \
                           std::string_view precision, std::int64_t workspace) {                           \
    return in_role("transjet_jet_" #role, role<float>, role<double>, arguments, results,                   \
                   {jet, activation, directions}, {stream, precision, workspace});                         \
  }

TRANSJET_ROLE(forward)
TRANSJET_ROLE(tangent)
TRANSJET_ROLE(cotangent)

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
