// J^T W (J v + offset) over several networks, for several v at once.
#include "cpu/dispatch.h"
#include "cpu/run.h"
#include "ffi/handlers.h"
#include "ffi/terms.h"
#include "ffi/xla_pool.h"

namespace transjet::ffi {
namespace {

constexpr std::string_view kOp = "transjet_gauss_newton";

struct Options {
  std::int64_t vectors;
  bool weighted, shifted;
};

// Operands: the terms; per term the vectors, with a leading axis; if weighted, the weights (n); and, if
// shifted, the offset (vectors, n). Results: per term the products, with a leading axis; and W (J v +
// offset), (vectors, n).
template <typename T>
xf::Error gauss_newton(Reader& reader, const std::vector<JetSettings>& settings, const Options& options,
                       Pool& pool) {
  const TermOperands<T> operands(reader, settings);
  if (options.vectors < 1) reader.fail(mismatch(kOp, "the call", "vectors", "one or more", options.vectors));
  const std::size_t terms = settings.size(),
                    vectors = reader.ok() ? static_cast<std::size_t>(options.vectors) : 0;
  std::vector<ParameterSets<const T>> read;
  std::vector<ParameterSets<T>> written;
  for (std::size_t i = 0; reader.ok() && i < terms; ++i) {
    read.push_back(operands[i].read_parameters(reader, vectors));
    written.push_back(operands[i].write_parameters(reader, vectors));
  }
  const Dimensions points = {static_cast<std::int64_t>(operands.points())};
  const Dimensions stacked = {options.vectors, points[0]};
  const T* weights = options.weighted ? reader.argument<T>("weights", points) : nullptr;
  const T* offset = options.shifted ? reader.argument<T>("offset", stacked) : nullptr;
  T* weighted = reader.result<T>("the weighted product", stacked);
  if (xf::Error error = reader.finish(); error.failure()) return error;
  std::vector<Parameters<const T>> vector;
  std::vector<Parameters<T>> result;
  for (std::size_t j = 0; j < vectors; ++j) {
    for (std::size_t i = 0; i < terms; ++i) {
      vector.push_back(read[i][j]);
      result.push_back(written[i][j]);
    }
  }
  const cpu::GaussNewtonCall<T> call{operands.count(), operands.terms(), static_cast<int>(vectors),
                                     vector.data(),    weights,          offset,
                                     result.data(),    weighted};
  cpu::run(cpu::kernels<T>().gauss_newton, call, operands.points(), pool);
  return xf::Error::Success();
}

xf::Error gauss_newton_handler(xf::RemainingArgs arguments, xf::RemainingRets results, xf::ThreadPool threads,
                               std::string_view jets, std::string_view activations,
                               std::string_view directions, std::int64_t vectors, bool weighted,
                               bool shifted) {
  Reader reader(kOp, arguments, results);
  const std::vector<JetSettings> settings = term_settings(reader, jets, activations, directions);
  XlaPool pool(threads);
  const Options options{vectors, weighted, shifted};
  return guarded(kOp, [&] {
    if (reader.dtype() == xf::F64) return gauss_newton<double>(reader, settings, options, pool);
    return gauss_newton<float>(reader, settings, options, pool);
  });
}

}  // namespace
}  // namespace transjet::ffi

XLA_FFI_DEFINE_HANDLER_SYMBOL(transjet_gauss_newton_cpu, transjet::ffi::gauss_newton_handler,
                              xla::ffi::Ffi::Bind()
                                  .RemainingArgs()
                                  .RemainingRets()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Attr<std::string_view>("jets")
                                  .Attr<std::string_view>("activations")
                                  .Attr<std::string_view>("directions")
                                  .Attr<std::int64_t>("vectors")
                                  .Attr<bool>("weighted")
                                  .Attr<bool>("shifted"));
