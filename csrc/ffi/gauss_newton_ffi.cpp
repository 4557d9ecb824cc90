// J^T W (J v + offset) over several networks, for several v at once; and the factors of J, kept for several
// such products.
#include <cstring>

#include "cpu/dispatch.h"
#include "cpu/run.h"
#include "ffi/handlers.h"
#include "ffi/product_operands.h"
#include "ffi/xla_pool.h"

namespace transjet::ffi {
namespace {

// What the header of kept factors begins with. Kernels want their memory aligned to a vector; a buffer that
// is not, or that some other build has made, holds no factors and is passed over.
struct Seal {
  std::uint64_t mark, bytes;
};
constexpr std::uint64_t kMark = 0x7472616e736a6574;

template <typename T>
bool holds_factors(const std::uint8_t* buffer, std::int64_t bytes, const TermOperands<T>& operands) {
  if (buffer == nullptr || bytes < static_cast<std::int64_t>(cpu::kFactorHeader)) return false;
  Seal seal{};
  std::memcpy(&seal, buffer, sizeof seal);
  const cpu::FactorsCall<T> call{operands.count(), operands.terms(), nullptr};
  return reinterpret_cast<std::uintptr_t>(buffer) % 64 == 0 && seal.mark == kMark &&
         seal.bytes == static_cast<std::uint64_t>(bytes) &&
         cpu::kernels<T>().factor_bytes(call) == seal.bytes;
}

template <typename T>
xf::Error factors(Reader& reader, const std::vector<JetSettings>& settings, std::int64_t bytes, Pool& pool) {
  const TermOperands<T> operands(reader, settings);
  std::uint8_t* buffer = reader.result<std::uint8_t>("the factors", {bytes});
  if (xf::Error error = reader.finish(); error.failure()) return error;
  if (bytes < static_cast<std::int64_t>(cpu::kFactorHeader)) return xf::Error::Success();
  std::memset(buffer, 0, cpu::kFactorHeader);
  const cpu::FactorsCall<T> call{operands.count(), operands.terms(), reinterpret_cast<char*>(buffer)};
  const bool fits = cpu::kernels<T>().factor_bytes(call) == static_cast<std::uint64_t>(bytes);
  if (!fits || reinterpret_cast<std::uintptr_t>(buffer) % 64 != 0) return xf::Error::Success();
  cpu::run(cpu::kernels<T>().factors, call, operands.points(), pool);
  const Seal seal{kMark, static_cast<std::uint64_t>(bytes)};
  std::memcpy(buffer, &seal, sizeof seal);
  return xf::Error::Success();
}

xf::Error factors_handler(xf::RemainingArgs arguments, xf::RemainingRets results, xf::ThreadPool threads,
                          std::string_view jets, std::string_view activations, std::string_view directions,
                          std::int64_t factor_bytes) {
  Reader reader("transjet_jacobian_factors", arguments, results);
  const std::vector<JetSettings> settings = term_settings(reader, {jets, activations, directions});
  XlaPool pool(threads);
  return in_its_type(
      reader, [&](auto zero) { return factors<decltype(zero)>(reader, settings, factor_bytes, pool); });
}

template <typename T>
xf::Error gauss_newton(Reader& reader, const ProductOperands<T>& operands, std::int64_t factor_bytes,
                       Pool& pool) {
  if (xf::Error error = reader.finish(); error.failure()) return error;
  const std::uint8_t* kept = operands.factors();
  const bool usable = holds_factors(kept, factor_bytes, operands.terms());
  cpu::run(cpu::kernels<T>().gauss_newton,
           operands.call(usable ? reinterpret_cast<const char*>(kept) : nullptr), operands.terms().points(),
           pool);
  return xf::Error::Success();
}

xf::Error gauss_newton_handler(xf::RemainingArgs arguments, xf::RemainingRets results, xf::ThreadPool threads,
                               std::string_view jets, std::string_view activations,
                               std::string_view directions, std::int64_t vectors, bool weighted, bool shifted,
                               std::int64_t factor_bytes) {
  Reader reader("transjet_gauss_newton", arguments, results);
  XlaPool pool(threads);
  return with_product_operands(
      reader, {jets, activations, directions}, {vectors, weighted, shifted, factor_bytes}, Memory::kHost,
      [&](const auto& operands) { return gauss_newton(reader, operands, factor_bytes, pool); });
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
                                  .Attr<bool>("shifted")
                                  .Attr<std::int64_t>("factor_bytes"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(transjet_jacobian_factors_cpu, transjet::ffi::factors_handler,
                              xla::ffi::Ffi::Bind()
                                  .RemainingArgs()
                                  .RemainingRets()
                                  .Ctx<xla::ffi::ThreadPool>()
                                  .Attr<std::string_view>("jets")
                                  .Attr<std::string_view>("activations")
                                  .Attr<std::string_view>("directions")
                                  .Attr<std::int64_t>("factor_bytes"));
