// Particles along the ODE of a network.
#include "cpu/dispatch.h"
#include "cpu/run.h"
#include "ffi/handlers.h"
#include "ffi/jet_operands.h"
#include "ffi/xla_pool.h"

namespace transjet::ffi {
namespace {

constexpr std::string_view kOp = "transjet_ode_transport";

template <typename T>
xf::Error transport(Reader& reader, const JetSettings& settings, Pool& pool) {
  const T* step = reader.argument<T>("step", {});
  const JetOperands<T> operands(reader, settings, Times::kTable);
  const JetProblem<T>& problem = operands.problem();
  const auto n = static_cast<std::int64_t>(problem.points.count), d = std::int64_t{problem.points.d};
  cpu::TransportCall<T> call{problem, operands.moments() / 2, step, nullptr, nullptr};
  call.end = reader.result<T>("the ends", {n, d});
  call.change = reader.result<T>("the change", {n});
  if (operands.moments() % 2 == 0)
    reader.fail(mismatch(kOp, "tau", "an odd number of rows", "2 steps + 1", operands.moments()));
  if (xf::Error error = reader.finish(); error.failure()) return error;
  cpu::run(cpu::kernels<T>().ode_transport, call, problem.points.count, pool);
  return xf::Error::Success();
}

xf::Error transport_handler(xf::RemainingArgs arguments, xf::RemainingRets results, xf::ThreadPool threads,
                            std::string_view activation) {
  Reader reader(kOp, arguments, results);
  XlaPool pool(threads);
  const JetSettings settings{"divergence_jet", activation, "none"};
  return in_its_type(reader, [&](auto zero) { return transport<decltype(zero)>(reader, settings, pool); });
}

}  // namespace
}  // namespace transjet::ffi

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    transjet_ode_transport_cpu, transjet::ffi::transport_handler,
    xla::ffi::Ffi::Bind().RemainingArgs().RemainingRets().Ctx<xla::ffi::ThreadPool>().Attr<std::string_view>(
        "activation"));
