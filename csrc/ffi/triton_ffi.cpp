// Launches a Triton kernel that was compiled and registered beforehand, on XLA's stream.
#include "ffi/checks.h"
#include "ffi/handlers.h"
#include "ffi/triton_kernels.h"
#include "ffi/triton_launch.h"

namespace transjet::ffi {
namespace {

constexpr std::string_view kOp = "transjet_triton_launch";
template <typename T>
using Attribute = xf::Span<const T>;

template <typename T>
Span<const T> view(Attribute<T> list) {
  return {list.begin(), list.size()};
}

std::vector<void*> collect(xf::RemainingArgs arguments, xf::RemainingRets results) {
  std::vector<void*> buffers;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    buffers.push_back(arguments.get<xf::AnyBuffer>(i)->untyped_data());
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    buffers.push_back((*results.get<xf::AnyBuffer>(i))->untyped_data());
  }
  return buffers;
}

xf::Error launch_handler(xf::RemainingArgs arguments, xf::RemainingRets results, void* stream,
                         std::string_view kernel, Attribute<std::int64_t> grid, Attribute<std::int64_t> order,
                         Attribute<std::int64_t> integers, Attribute<double> reals) {
  return guarded(kOp, [&] {
    try {
      launch({kernel, view(grid), view(order), view(integers), view(reals), collect(arguments, results)},
             stream);
    } catch (const LaunchError& error) {
      const std::string text = std::string(kOp) + ": " + error.text();
      return error.out_of_memory() ? out_of_memory(text) : xf::Error::Internal(text);
    }
    return xf::Error::Success();
  });
}

}  // namespace
}  // namespace transjet::ffi

XLA_FFI_DEFINE_HANDLER_SYMBOL(transjet_triton_launch_cuda, transjet::ffi::launch_handler,
                              xla::ffi::Ffi::Bind()
                                  .RemainingArgs()
                                  .RemainingRets()
                                  .Ctx<xla::ffi::PlatformStream<void*>>()
                                  .Attr<std::string_view>("kernel")
                                  .Attr<xla::ffi::Span<const std::int64_t>>("grid")
                                  .Attr<xla::ffi::Span<const std::int64_t>>("order")
                                  .Attr<xla::ffi::Span<const std::int64_t>>("integers")
                                  .Attr<xla::ffi::Span<const double>>("reals"),
                              {xla::ffi::Traits::kCmdBufferCompatible});
