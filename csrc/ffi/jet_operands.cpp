#include "ffi/jet_operands.h"

#include <algorithm>

namespace transjet::ffi {
namespace {

std::size_t size_of(const Dimensions& dimensions) {
  std::size_t size = 1;
  for (const std::int64_t n : dimensions) size *= static_cast<std::size_t>(n);
  return size;
}

}  // namespace

bool parse_jet(std::string_view name, Jet& jet) {
  constexpr std::string_view kNames[] = {"gradient_jet", "laplacian_jet", "divergence_jet"};
  const auto* found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames)) return false;
  jet = static_cast<Jet>(found - kNames);
  return true;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  if (text.empty()) return parts;
  for (std::size_t start = 0;;) {
    const std::size_t end = text.find(separator, start);
    parts.push_back(text.substr(start, end - start));
    if (end == std::string_view::npos) return parts;
    start = end + 1;
  }
}

template <typename T>
JetOperands<T>::JetOperands(Reader& reader, const JetSettings& settings, Times times) {
  if (!parse_jet(settings.jet, problem_.jet)) {
    reader.fail(mismatch(reader.op(), "jet", "a known name", "such as gradient_jet", settings.jet));
  }
  for (const std::string_view name : split(settings.activation, ',')) {
    activations_.push_back(Activation::kIdentity);
    if (name == "frozen") {
      problem_.frozen_first = true;
    } else if (!parse_activation(name, activations_.back())) {
      reader.fail(mismatch(reader.op(), "activation", "a known name", "such as tanh", name));
    }
  }
  if (activations_.empty())
    reader.fail(mismatch(reader.op(), "the network", "hidden layers", "one or more", 0));
  read_points(reader, settings.directions, times);
  std::int64_t fan_in = problem_.points.d + problem_.points.f;
  widths_.push_back(static_cast<int>(fan_in));
  for (std::size_t l = 0; l < depth(); ++l) {
    const std::int64_t fan_out = reader.dimensions("W", 2, 2 * l)[1];
    widths_.push_back(static_cast<int>(fan_out));
  }
  problem_.network = {static_cast<int>(depth()), widths_.data(), activations_.data()};
  parameters_ = std::make_unique<ParameterSets<const T>>(read_parameters(reader, 0));
  problem_.parameters = (*parameters_)[0];
  const int outputs = problem_.jet == Jet::kDivergence ? problem_.points.d : 1;
  if (reader.ok() && widths_.back() != outputs) {
    reader.fail(mismatch(reader.op(), "the network", "outputs", outputs, widths_.back()));
  }
}

template <typename T>
void JetOperands<T>::read_points(Reader& reader, std::string_view directions, Times times) {
  const Dimensions x = reader.dimensions("x", 2), tau = reader.dimensions("tau", 2, 1);
  const bool table = times == Times::kTable;
  const Dimensions features = {table ? tau[0] : x[0], tau[1]};
  moments_ = static_cast<std::size_t>(features[0]);
  Points<T>& points = problem_.points;
  points.count = static_cast<std::size_t>(x[0]);
  points.d = static_cast<int>(x[1]);
  points.f = static_cast<int>(tau[1]);
  points.x = reader.argument<T>("x", x);
  points.tau = reader.argument<T>("tau", features);
  if (!table) points.dtau = reader.argument<T>("dtau", features);
  problem_.directions = {DirectionKind::kCoordinates, points.d, nullptr};
  if (directions == "shared") {
    const Dimensions shape = {reader.dimensions("directions", 2)[0], x[1]};
    problem_.directions = {DirectionKind::kShared, static_cast<int>(shape[0]),
                           reader.argument<T>("directions", shape)};
  } else if (directions == "point") {
    const Dimensions shape = {x[0], reader.dimensions("directions", 3)[1], x[1]};
    problem_.directions = {DirectionKind::kPoint, static_cast<int>(shape[1]),
                           reader.argument<T>("directions", shape)};
  } else if (directions != "none") {
    reader.fail(mismatch(reader.op(), "directions", "a kind", "none, shared or point", directions));
  }
}

template <typename T>
template <typename U, typename Next>
Fields<U> JetOperands<T>::fields(Next&& next) const {
  const auto n = static_cast<std::int64_t>(problem_.points.count), d = std::int64_t{problem_.points.d};
  Fields<U> fields{};
  if (problem_.jet == Jet::kDivergence) {
    fields.value = next("value", {n, d});
    fields.second = next("divergence", {n});
    return fields;
  }
  fields.value = next("value", {n});
  fields.dt = next("dt", {n});
  fields.grad = next("grad", {n, d});
  if (problem_.jet == Jet::kLaplacian) fields.second = next("laplacian", {n});
  return fields;
}

template <typename T>
Fields<const T> JetOperands<T>::read_fields(Reader& reader) const {
  return fields<const T>(
      [&](std::string_view name, const Dimensions& shape) { return reader.argument<T>(name, shape); });
}

template <typename T>
Fields<T> JetOperands<T>::write_fields(Reader& reader) const {
  return fields<T>(
      [&](std::string_view name, const Dimensions& shape) { return reader.result<T>(name, shape); });
}

template <typename T>
template <typename U, typename Next>
ParameterSets<U> JetOperands<T>::parameters(std::size_t sets, Next&& next) const {
  ParameterSets<U> all(std::max<std::size_t>(sets, 1), depth());
  for (std::size_t l = 0; l < depth(); ++l) {
    Dimensions weight = {widths_[l], widths_[l + 1]}, bias = {widths_[l + 1]};
    const std::size_t weight_size = size_of(weight), bias_size = size_of(bias);
    if (sets > 0) {
      weight.insert(weight.begin(), static_cast<std::int64_t>(sets));
      bias.insert(bias.begin(), static_cast<std::int64_t>(sets));
    }
    U* weights = next("W", weight);
    U* biases = next("b", bias);
    if (weights != nullptr && biases != nullptr) all.put(l, weights, weight_size, biases, bias_size);
  }
  return all;
}

template <typename T>
ParameterSets<const T> JetOperands<T>::read_parameters(Reader& reader, std::size_t sets) const {
  return parameters<const T>(
      sets, [&](std::string_view name, const Dimensions& shape) { return reader.argument<T>(name, shape); });
}

template <typename T>
ParameterSets<T> JetOperands<T>::write_parameters(Reader& reader, std::size_t sets, Memory memory) const {
  return parameters<T>(sets, [&](std::string_view name, const Dimensions& shape) {
    T* data = reader.result<T>(name, shape);
    if (data != nullptr && memory == Memory::kHost) std::fill_n(data, size_of(shape), T(0));
    return data;
  });
}

template class JetOperands<float>;
template class JetOperands<double>;

}  // namespace transjet::ffi
