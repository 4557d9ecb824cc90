// J J^T over several networks on a GPU. Operands and results are those of the handler for the CPU, in the
// device's memory, and a workspace as the last result.
#include "ffi/cuda_call.h"
#include "ffi/handlers.h"
#include "ffi/terms.h"

namespace transjet::ffi {
namespace {

constexpr std::string_view kOp = "transjet_gram";

template <typename T, typename R>
xf::Error gram(Reader& reader, const std::vector<JetSettings>& jets, const CudaSettings& settings) {
  const TermOperands<T> operands(reader, jets);
  const auto n = static_cast<std::int64_t>(operands.points());
  R* result = reader.result<R>("the Gram matrix", {n, n});
  if (!reader.ok()) return reader.finish();
  return enqueue(reader, cpu::GramCall<T, R>{operands.count(), operands.terms(), result}, settings);
}

// `precise`: the result is float64 whatever the operands are.
xf::Error gram_on_cuda(xf::RemainingArgs arguments, xf::RemainingRets results, void* stream,
                       std::string_view jets, std::string_view activations, std::string_view directions,
                       bool precise, std::string_view precision, std::int64_t workspace) {
  Reader reader(kOp, arguments, results);
  const std::vector<JetSettings> of_terms = term_settings(reader, jets, activations, directions);
  const CudaSettings settings{stream, precision, workspace};
  return guarded(kOp, [&] {
    if (reader.dtype() == xf::F64) return gram<double, double>(reader, of_terms, settings);
    return precise ? gram<float, double>(reader, of_terms, settings)
                   : gram<float, float>(reader, of_terms, settings);
  });
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
