// The three roles of every jet.
#include "cpu/dispatch.h"
#include "cpu/run.h"
#include "ffi/handlers.h"
#include "ffi/jet_operands.h"
#include "ffi/xla_pool.h"

namespace transjet::ffi {
namespace {

template <typename T>
xf::Error forward(Reader& reader, const JetSettings& settings, Pool& pool) {
  const JetOperands<T> operands(reader, settings);
  const cpu::ForwardCall<T> call{operands.problem(), operands.write_fields(reader)};
  if (xf::Error error = reader.finish(); error.failure()) return error;
  cpu::run(cpu::kernels<T>().forward, call, call.problem.points.count, pool);
  return xf::Error::Success();
}

template <typename T>
xf::Error tangent(Reader& reader, const JetSettings& settings, Pool& pool) {
  const JetOperands<T> operands(reader, settings);
  const ParameterSets<const T> vector = operands.read_parameters(reader, 0);
  const cpu::TangentCall<T> call{operands.problem(), vector[0], operands.write_fields(reader)};
  if (xf::Error error = reader.finish(); error.failure()) return error;
  cpu::run(cpu::kernels<T>().tangent, call, call.problem.points.count, pool);
  return xf::Error::Success();
}

template <typename T>
xf::Error cotangent(Reader& reader, const JetSettings& settings, Pool& pool) {
  const JetOperands<T> operands(reader, settings);
  const Fields<const T> fields = operands.read_fields(reader);
  const ParameterSets<T> gradient = operands.write_parameters(reader, 0);
  const cpu::CotangentCall<T> call{operands.problem(), fields, gradient[0]};
  if (xf::Error error = reader.finish(); error.failure()) return error;
  cpu::run(cpu::kernels<T>().cotangent, call, call.problem.points.count, pool);
  return xf::Error::Success();
}

using Role = xf::Error (*)(Reader&, const JetSettings&, Pool&);

xf::Error in_role(std::string_view op, Role single, Role twice, xf::RemainingArgs arguments,
                  xf::RemainingRets results, const JetSettings& settings, xf::ThreadPool threads) {
  Reader reader(op, arguments, results);
  XlaPool pool(threads);
  return guarded(op, [&] {
    return reader.dtype() == xf::F64 ? twice(reader, settings, pool) : single(reader, settings, pool);
  });
}

#define TRANSJET_ROLE(role)                                                                                  \
  xf::Error role##_handler(xf::RemainingArgs arguments, xf::RemainingRets results, xf::ThreadPool threads,   \
                           std::string_view jet, std::string_view activation, std::string_view directions) { \
    return in_role("transjet_jet_" #role, role<float>, role<double>, arguments, results,                     \
                   {jet, activation, directions}, threads);                                                  \
  }

TRANSJET_ROLE(forward)
TRANSJET_ROLE(tangent)
TRANSJET_ROLE(cotangent)

auto binding() {
  return xf::Ffi::Bind()
      .RemainingArgs()
      .RemainingRets()
      .Ctx<xf::ThreadPool>()
      .Attr<std::string_view>("jet")
      .Attr<std::string_view>("activation")
      .Attr<std::string_view>("directions");
}

}  // namespace
}  // namespace transjet::ffi

XLA_FFI_DEFINE_HANDLER_SYMBOL(transjet_jet_forward_cpu, transjet::ffi::forward_handler,
                              transjet::ffi::binding());
XLA_FFI_DEFINE_HANDLER_SYMBOL(transjet_jet_tangent_cpu, transjet::ffi::tangent_handler,
                              transjet::ffi::binding());
XLA_FFI_DEFINE_HANDLER_SYMBOL(transjet_jet_cotangent_cpu, transjet::ffi::cotangent_handler,
                              transjet::ffi::binding());
