// The three roles of every jet.
#include "cpu/dispatch.h"
#include "cpu/run.h"
#include "ffi/handlers.h"
#include "ffi/jet_roles.h"
#include "ffi/xla_pool.h"

namespace transjet::ffi {
namespace {

template <typename T>
const auto& kernel_of(const cpu::ForwardCall<T>&) {
  return cpu::kernels<T>().forward;
}
template <typename T>
const auto& kernel_of(const cpu::TangentCall<T>&) {
  return cpu::kernels<T>().tangent;
}
template <typename T>
const auto& kernel_of(const cpu::CotangentCall<T>&) {
  return cpu::kernels<T>().cotangent;
}

template <typename Role>
xf::Error on_cpu(std::string_view op, const Role& role, xf::RemainingArgs arguments,
                 xf::RemainingRets results, const JetSettings& settings, xf::ThreadPool threads) {
  Reader reader(op, arguments, results);
  XlaPool pool(threads);
  return with_jet_call(reader, role, settings, Memory::kHost, [&](const auto& call) {
    if (xf::Error error = reader.finish(); error.failure()) return error;
    cpu::run(kernel_of(call), call, call.problem.points.count, pool);
    return xf::Error::Success();
  });
}

#define TRANSJET_ROLE(role, Role)                                                                            \
  xf::Error role##_handler(xf::RemainingArgs arguments, xf::RemainingRets results, xf::ThreadPool threads,   \
                           std::string_view jet, std::string_view activation, std::string_view directions) { \
    return on_cpu("transjet_jet_" #role, Role{}, arguments, results, {jet, activation, directions},          \
                  threads);                                                                                  \
  }

TRANSJET_ROLE(forward, Forward)
TRANSJET_ROLE(tangent, Tangent)
TRANSJET_ROLE(cotangent, Cotangent)

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
