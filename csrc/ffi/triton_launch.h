// One launch of a compiled Triton kernel, without XLA's types.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/span.h"
#include "cuda/driver.h"

namespace transjet::ffi {

struct TritonLaunch {
  std::string_view kernel;            // the name under which it was registered
  Span<const std::int64_t> grid;      // three
  Span<const std::int64_t> order;     // per pointer parameter which buffer, -1 for none
  Span<const std::int64_t> integers;  // per integer parameter
  Span<const double> reals;           // per floating-point parameter
  std::vector<void*> buffers;         // operands, then results
};

// Enqueues the launch on the stream, and neither waits nor allocates device memory. Throws LaunchError, in
// words.
void launch(const TritonLaunch& call, cuda::Stream stream);

}  // namespace transjet::ffi
