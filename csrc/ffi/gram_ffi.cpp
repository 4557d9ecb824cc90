// J J^T over several networks.
#include <algorithm>
#include <deque>

#include "cpu/dispatch.h"
#include "cpu/run.h"
#include "ffi/handlers.h"
#include "ffi/terms.h"
#include "ffi/xla_pool.h"

namespace transjet::ffi {
namespace {

constexpr std::string_view kOp = "transjet_gram";

template <typename T, typename R>
xf::Error gram(Reader& reader, const std::vector<JetSettings>& settings, Pool& pool) {
  const TermOperands<T> operands(reader, settings);
  const auto n = static_cast<std::int64_t>(operands.points());
  R* result = reader.result<R>("the Gram matrix", {n, n});
  if (xf::Error error = reader.finish(); error.failure()) return error;
  std::fill_n(result, operands.points() * operands.points(), R(0));
  const cpu::GramCall<T, R> call{operands.count(), operands.terms(), result};
  if (n == 0) return xf::Error::Success();
  if constexpr (std::is_same_v<T, R>) {
    cpu::run(cpu::kernels<T>().gram, call, pool);
  } else {
    cpu::run(cpu::kernels<T>().precise_gram, call, pool);
  }
  return xf::Error::Success();
}

// `precise`: the result is float64 whatever the operands are.
xf::Error gram_handler(xf::RemainingArgs arguments, xf::RemainingRets results, xf::ThreadPool threads,
                       std::string_view jets, std::string_view activations, std::string_view directions,
                       bool precise) {
  Reader reader(kOp, arguments, results);
  const std::vector<JetSettings> settings = term_settings(reader, jets, activations, directions);
  XlaPool pool(threads);
  return guarded(kOp, [&] {
    if (reader.dtype() == xf::F64) return gram<double, double>(reader, settings, pool);
    return precise ? gram<float, double>(reader, settings, pool) : gram<float, float>(reader, settings, pool);
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
