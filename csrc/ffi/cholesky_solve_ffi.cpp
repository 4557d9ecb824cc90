// (A + damping I)^-1 b.
#include "cpu/dispatch.h"
#include "cpu/run.h"
#include "ffi/handlers.h"
#include "ffi/reader.h"
#include "ffi/xla_pool.h"

namespace transjet::ffi {
namespace {

constexpr std::string_view kOp = "transjet_cholesky_solve";

template <typename T>
xf::Error solve(Reader& reader, Pool& pool) {
  const Dimensions shape = reader.dimensions("matrix", 2);
  const std::int64_t n = shape.empty() ? 0 : shape[0];
  cpu::CholeskySolveCall<T> call{};
  call.n = static_cast<std::size_t>(n);
  call.matrix = reader.argument<T>("matrix", {n, n});
  call.damping = reader.argument<T>("damping", {});
  call.rhs = reader.argument<T>("rhs", {n});
  call.solution = reader.result<T>("the solution", {n});
  if (xf::Error error = reader.finish(); error.failure()) return error;
  if (n > 0) cpu::run(cpu::kernels<T>().cholesky_solve, call, pool);
  return xf::Error::Success();
}

xf::Error handler(xf::RemainingArgs arguments, xf::RemainingRets results, xf::ThreadPool threads) {
  Reader reader(kOp, arguments, results);
  XlaPool pool(threads);
  return in_its_type(reader, [&](auto zero) { return solve<decltype(zero)>(reader, pool); });
}

}  // namespace
}  // namespace transjet::ffi

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    transjet_cholesky_solve_cpu, transjet::ffi::handler,
    xla::ffi::Ffi::Bind().RemainingArgs().RemainingRets().Ctx<xla::ffi::ThreadPool>());
