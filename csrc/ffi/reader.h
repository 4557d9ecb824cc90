// Reads the buffers of a call one after the other, and remembers what was wrong with the first that did not
// fit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ffi/checks.h"

namespace transjet::ffi {

using Dimensions = std::vector<std::int64_t>;

class Reader {
 public:
  Reader(std::string_view op, xf::RemainingArgs arguments, xf::RemainingRets results)
      : op_(op), arguments_(arguments), results_(results) {}

  // Element type of the first argument; an invalid one if there is none.
  xf::DataType dtype() const;

  // Dimensions of the argument `ahead` places after the next one; empty and a failure if it has not `rank` of
  // them.
  Dimensions dimensions(std::string_view name, std::size_t rank, std::size_t ahead = 0);

  // Data of the next argument or result, which must have the element type T and the dimensions given; null
  // and a failure otherwise.
  template <typename T>
  const T* argument(std::string_view name, const Dimensions& expected);
  template <typename T>
  T* result(std::string_view name, const Dimensions& expected);

  std::size_t arguments_left() const { return arguments_.size() - std::min(argument_, arguments_.size()); }
  bool ok() const { return error_.success(); }
  void fail(xf::Error error);
  // The first failure, or that there are buffers left over.
  xf::Error finish();
  std::string_view op() const { return op_; }

 private:
  template <typename T>
  T* check(const xf::AnyBuffer& buffer, std::string_view name, const Dimensions& expected);

  std::string_view op_;
  xf::RemainingArgs arguments_;
  xf::RemainingRets results_;
  std::size_t argument_ = 0, result_ = 0;
  xf::Error error_ = xf::Error::Success();
};

// The body of a handler: called with a zero of the call's element type, which is that of the first argument.
template <typename Body>
xf::Error in_its_type(const Reader& reader, Body&& body) {
  return guarded(reader.op(), [&] { return reader.dtype() == xf::F64 ? body(double{0}) : body(float{0}); });
}

}  // namespace transjet::ffi
