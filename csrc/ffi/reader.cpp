#include "ffi/reader.h"

#include <algorithm>

namespace transjet::ffi {
namespace {

template <typename T>
constexpr xf::DataType kDtype = xf::F32;
template <>
constexpr xf::DataType kDtype<double> = xf::F64;
template <>
constexpr xf::DataType kDtype<std::uint8_t> = xf::U8;

Dimensions dimensions_of(const xf::AnyBuffer& buffer) {
  return Dimensions(buffer.dimensions().begin(), buffer.dimensions().end());
}

std::string text(const Dimensions& dimensions) {
  std::string joined = "(";
  for (const std::int64_t size : dimensions) joined += (joined.size() > 1 ? ", " : "") + std::to_string(size);
  return joined + ")";
}

}  // namespace

void Reader::fail(xf::Error error) {
  if (error_.success()) error_ = std::move(error);
}

xf::DataType Reader::dtype() const {
  const auto buffer = arguments_.get<xf::AnyBuffer>(0);
  return buffer.has_value() ? buffer->element_type() : xf::DataType::INVALID;
}

Dimensions Reader::dimensions(std::string_view name, std::size_t rank, std::size_t ahead) {
  const auto buffer = arguments_.get<xf::AnyBuffer>(argument_ + ahead);
  if (!buffer.has_value()) {
    fail(mismatch(op_, name, "an operand", argument_ + ahead + 1, arguments_.size()));
    return Dimensions(rank, 0);
  }
  const Dimensions got = dimensions_of(*buffer);
  if (got.size() == rank) return got;
  fail(mismatch(op_, name, "rank", rank, text(got)));
  return Dimensions(rank, 0);
}

template <typename T>
T* Reader::check(const xf::AnyBuffer& buffer, std::string_view name, const Dimensions& expected) {
  if (buffer.element_type() != kDtype<std::remove_const_t<T>>) {
    fail(mismatch(op_, name, "dtype", kDtype<std::remove_const_t<T>>, buffer.element_type()));
    return nullptr;
  }
  const Dimensions got = dimensions_of(buffer);
  if (got != expected) {
    fail(mismatch(op_, name, "shape", text(expected), text(got)));
    return nullptr;
  }
  return static_cast<T*>(buffer.untyped_data());
}

template <typename T>
const T* Reader::argument(std::string_view name, const Dimensions& expected) {
  const auto buffer = arguments_.get<xf::AnyBuffer>(argument_++);
  if (buffer.has_value()) return check<const T>(*buffer, name, expected);
  fail(mismatch(op_, name, "an operand", argument_, arguments_.size()));
  return nullptr;
}

template <typename T>
T* Reader::result(std::string_view name, const Dimensions& expected) {
  const auto buffer = results_.get<xf::AnyBuffer>(result_++);
  if (buffer.has_value()) {
    xf::Result<xf::AnyBuffer> found = *buffer;
    return check<T>(*found, name, expected);
  }
  fail(mismatch(op_, name, "a result", result_, results_.size()));
  return nullptr;
}

xf::Error Reader::finish() {
  if (error_.success() && argument_ != arguments_.size()) {
    fail(mismatch(op_, "the call", "operands", argument_, arguments_.size()));
  }
  if (error_.success() && result_ != results_.size()) {
    fail(mismatch(op_, "the call", "results", result_, results_.size()));
  }
  return error_;
}

template const float* Reader::argument<float>(std::string_view, const Dimensions&);
template const double* Reader::argument<double>(std::string_view, const Dimensions&);
template const std::uint8_t* Reader::argument<std::uint8_t>(std::string_view, const Dimensions&);
template std::uint8_t* Reader::result<std::uint8_t>(std::string_view, const Dimensions&);
template float* Reader::result<float>(std::string_view, const Dimensions&);
template double* Reader::result<double>(std::string_view, const Dimensions&);

}  // namespace transjet::ffi
