#include "cpu/null.h"
#include "ffi/checks.h"
#include "ffi/handlers.h"

namespace transjet::ffi {
namespace {

constexpr const char* kOp = "transjet_null";

template <typename T>
xf::Error run(const xf::AnyBuffer& x, xf::AnyBuffer& y) {
  cpu::null<T>(elements<const T>(x), elements<T>(y));
  return xf::Error::Success();
}

xf::Error null(xf::AnyBuffer x, xf::Result<xf::AnyBuffer> y) {
  if (y->element_type() != x.element_type()) {
    return mismatch(kOp, "result", "dtype", x.element_type(), y->element_type());
  }
  if (y->element_count() != x.element_count()) {
    return mismatch(kOp, "result", "element count", x.element_count(), y->element_count());
  }
  switch (x.element_type()) {
    case xf::F32:
      return run<float>(x, *y);
    case xf::F64:
      return run<double>(x, *y);
    default:
      return mismatch(kOp, "x", "dtype", "F32 or F64", x.element_type());
  }
}

}  // namespace
}  // namespace transjet::ffi

XLA_FFI_DEFINE_HANDLER_SYMBOL(transjet_null_cpu, transjet::ffi::null,
                              xla::ffi::Ffi::Bind().Arg<xla::ffi::AnyBuffer>().Ret<xla::ffi::AnyBuffer>());
