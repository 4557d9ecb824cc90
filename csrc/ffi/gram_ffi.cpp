// J J^T over several networks.
#include <algorithm>

#include "cpu/dispatch.h"
#include "cpu/run.h"
#include "ffi/handlers.h"
#include "ffi/terms.h"
#include "ffi/xla_pool.h"

namespace transjet::ffi {
namespace {

template <typename T>
const auto& kernel_of(const cpu::GramCall<T, T>&) {
  return cpu::kernels<T>().gram;
}
const auto& kernel_of(const cpu::GramCall<float, double>&) { return cpu::kernels<float>().precise_gram; }

xf::Error gram_handler(xf::RemainingArgs arguments, xf::RemainingRets results, xf::ThreadPool threads,
                       std::string_view jets, std::string_view activations, std::string_view directions,
                       bool precise) {
  Reader reader("transjet_gram", arguments, results);
  XlaPool pool(threads);
  return with_gram_call(reader, {jets, activations, directions}, precise, [&](const auto& call) {
    if (xf::Error error = reader.finish(); error.failure()) return error;
    const std::size_t n = call.term->problem.points.count;
    std::fill_n(call.result, n * n, 0);
    if (n > 0) cpu::run(kernel_of(call), call, pool);
    return xf::Error::Success();
  });
}

}  // namespace
}  // namespace transjet::ffi

XLA_FFI_DEFINE_HANDLER_SYMBOL(transjet_gram_cpu, transjet::ffi::gram_handler,
                              xla::ffi::Ffi::Bind()
                                  .RemainingArgs()
                                  .RemainingRets()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Attr<std::string_view>("jets")
                                  .Attr<std::string_view>("activations")
                                  .Attr<std::string_view>("directions")
                                  .Attr<bool>("precise"));
