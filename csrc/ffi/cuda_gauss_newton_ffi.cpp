// J^T W (J v + offset) over several networks on a GPU. Operands and results are those of the handler for the
// CPU, in the device's memory, without kept factors, and a workspace as the last result.
#include "ffi/cuda_call.h"
#include "ffi/handlers.h"
#include "ffi/product_operands.h"

namespace transjet::ffi {
namespace {

xf::Error gauss_newton_on_cuda(xf::RemainingArgs arguments, xf::RemainingRets results, void* stream,
                               std::string_view jets, std::string_view activations,
                               std::string_view directions, std::int64_t vectors, bool weighted, bool shifted,
                               std::string_view precision, std::int64_t workspace) {
  Reader reader("transjet_gauss_newton", arguments, results);
  const CudaSettings settings{stream, precision, workspace};
  return with_product_operands(
      reader, {jets, activations, directions}, {vectors, weighted, shifted, 0}, Memory::kDevice,
      [&](const auto& operands) { return enqueue(reader, operands.call(nullptr), settings); });
}

}  // namespace
}  // namespace transjet::ffi

XLA_FFI_DEFINE_HANDLER_SYMBOL(transjet_gauss_newton_cuda, transjet::ffi::gauss_newton_on_cuda,
                              xla::ffi::Ffi::Bind()
                                  .RemainingArgs()
                                  .RemainingRets()
                                  .Ctx<xla::ffi::PlatformStream<void*>>()
                                  .Attr<std::string_view>("jets")
                                  .Attr<std::string_view>("activations")
                                  .Attr<std::string_view>("directions")
                                  .Attr<std::int64_t>("vectors")
                                  .Attr<bool>("weighted")
                                  .Attr<bool>("shifted")
                                  .Attr<std::string_view>("precision")
                                  .Attr<std::int64_t>("workspace"),
                              {xla::ffi::Traits::kCmdBufferCompatible});
