// J J^T over several networks on a GPU. Operands and results are those of the handler for the CPU, in the
// device's memory, and a workspace as the last result.
#include "ffi/cuda_call.h"
#include "ffi/handlers.h"
#include "ffi/terms.h"

namespace transjet::ffi {
namespace {

xf::Error gram_on_cuda(xf::RemainingArgs arguments, xf::RemainingRets results, void* stream,
                       std::string_view jets, std::string_view activations, std::string_view directions,
                       bool precise, std::string_view precision, std::int64_t workspace) {
  Reader reader("transjet_gram", arguments, results);
  const CudaSettings settings{stream, precision, workspace};
  return with_gram_call(reader, {jets, activations, directions}, precise,
                        [&](const auto& call) { return enqueue(reader, call, settings); });
}

}  // namespace
}  // namespace transjet::ffi

XLA_FFI_DEFINE_HANDLER_SYMBOL(transjet_gram_cuda, transjet::ffi::gram_on_cuda,
                              xla::ffi::Ffi::Bind()
                                  .RemainingArgs()
                                  .RemainingRets()
                                  .Ctx<xla::ffi::PlatformStream<void*>>()
                                  .Attr<std::string_view>("jets")
                                  .Attr<std::string_view>("activations")
                                  .Attr<std::string_view>("directions")
                                  .Attr<bool>("precise")
                                  .Attr<std::string_view>("precision")
                                  .Attr<std::int64_t>("workspace"),
                              {xla::ffi::Traits::kCmdBufferCompatible});
