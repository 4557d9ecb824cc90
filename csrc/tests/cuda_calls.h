// Calls of the engine for GPUs in the emulation, in working memory between walls.
#pragma once

#include "cuda/engine.h"
#include "tests/compare.h"
#include "tests/workspace.h"

namespace transjet::testing {

// The results of one call; checks that nothing else was written. Working memory is filled with `filling`.
template <typename T>
std::vector<T> cuda_results_of(Operation operation, const Residual& residual,
                               const cuda::Options& options = {}, int filling = 0xff) {
  Call<T> call(operation, residual, 1);
  call.run([&](const auto&, const auto& parts) {
    const Workspace memory(cuda::workspace_bytes(parts, options), filling);
    TRANSJET_CHECK(cuda::run(parts, options, memory.data(), cuda::Stream{}) == 0);
    TRANSJET_CHECK(memory.intact());
  });
  TRANSJET_CHECK(call.intact());
  return call.results();
}

// Calls body() with the threads of a block, and the blocks, in either order.
template <typename Body>
void in_both_orders(Body&& body) {
  cuda::Emulator& emulator = cuda::Emulator::instance();
  for (const cuda::Order order : {cuda::Order::kDescending, cuda::Order::kAscending}) {
    emulator.order = order;
    body();
  }
}

}  // namespace transjet::testing
