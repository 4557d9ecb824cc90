// Calls of the engine for GPUs in the emulation, in working memory between walls.
#pragma once

#include "cuda/engine.h"
#include "tests/compare.h"
#include "tests/workspace.h"

namespace transjet::testing {

// The results of one call; checks that nothing else was written. Working memory is filled with `filling`.
template <typename T>
std::vector<T> cuda_results_of(Operation operation, const Residual& residual,
                               const cuda::Options& options = {}, int filling = 0xff,
                               std::size_t misalignment = 1) {
  Call<T> call(operation, residual, misalignment);
  call.run([&](const auto&, const auto& parts) {
    const Workspace memory(cuda::workspace_bytes(parts, options), filling);
    TRANSJET_CHECK(cuda::run(parts, options, memory.data(), cuda::Stream{}) == 0);
    TRANSJET_CHECK(memory.intact());
  });
  TRANSJET_CHECK(call.intact());
  return call.results();
}

// Calls body() with threads and blocks in either order.
template <typename Body>
void in_either_order(Body&& body) {
  cuda::Emulator& emulator = cuda::Emulator::instance();
  for (const cuda::Order order : {cuda::Order::kDescending, cuda::Order::kAscending}) {
    emulator.order = order;
    body();
  }
}

// How many numbers each part of an operation's results has: a field, or one layer's weights or biases.
inline std::vector<std::size_t> part_sizes(Operation operation, const Residual& residual) {
  std::vector<std::size_t> sizes;
  const auto put_layers = [&](const Layers& layers) {
    for (const std::vector<Numbers>* part : {&layers.weights, &layers.biases}) {
      for (const Numbers& numbers : *part) sizes.push_back(numbers.size());
    }
  };
  const Sample& sample = residual.samples[0];
  if (operation == Operation::kForward || operation == Operation::kTangent) {
    for (const std::size_t width : field_widths(sample)) sizes.push_back(width * sample.n);
  } else if (operation == Operation::kCotangent) {
    put_layers(sample.parameters);
  } else {
    for (const std::vector<Layers>& vector : residual.vectors) {
      for (const Layers& layers : vector) put_layers(layers);
    }
    sizes.push_back(residual.vectors.size() * sample.n);
  }
  return sizes;
}

// What the CPU's kernels make of an operation in double.
inline Parts cpu_parts_of(Operation operation, const Residual& residual) {
  const std::vector<double> results = results_of<double>(operation, residual);
  Parts parts;
  auto from = results.begin();
  for (const std::size_t size : part_sizes(operation, residual)) {
    parts.emplace_back(from, from + static_cast<std::ptrdiff_t>(size));
    from += static_cast<std::ptrdiff_t>(size);
  }
  return parts;
}

inline std::string text_of(Operation operation, const Residual& residual) {
  static constexpr const char* kNames[] = {"forward", "tangent", "cotangent", "gauss_newton"};
  std::string text = kNames[static_cast<int>(operation)];
  for (const Sample& sample : residual.samples) text += "; " + describe(sample);
  return text;
}

}  // namespace transjet::testing
