// Checks at the boundary between XLA and the kernels. Nothing below them checks again.
#pragma once

#include <exception>
#include <new>
#include <sstream>
#include <string>
#include <string_view>

#include "core/span.h"
#include "xla/ffi/api/ffi.h"

namespace transjet::ffi {

namespace xf = ::xla::ffi;

// Error in words: which op, which operand, which property of it, what was expected, what came.
template <typename Expected, typename Got>
xf::Error mismatch(std::string_view op, std::string_view operand, std::string_view property,
                   const Expected& expected, const Got& got) {
  std::ostringstream text;
  text << op << ": " << operand << " must have " << property << ' ' << expected << ", got " << got;
  return xf::Error::InvalidArgument(text.str());
}

// What every handler answers where memory of the host or of a device is not to be had.
inline xf::Error out_of_memory(const std::string& text) {
  return xf::Error(xf::ErrorCode::kResourceExhausted, text);
}

// Runs a kernel; no exception may pass into XLA.
template <typename Body>
xf::Error guarded(std::string_view op, Body&& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return out_of_memory(std::string(op) + ": out of memory for its workspace, on the host");
  } catch (const std::exception& error) {
    return xf::Error::Internal(std::string(op) + ": " + error.what());
  }
}

// A buffer's elements, whatever its rank, once its dtype is known to be T.
template <typename T>
Span<T> elements(const xf::AnyBuffer& buffer) {
  return {static_cast<T*>(buffer.untyped_data()), buffer.element_count()};
}

}  // namespace transjet::ffi
