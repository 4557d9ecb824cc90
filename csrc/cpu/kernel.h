// From an operation's parts to the BlockKernel that the threads run. An operation `Op` has
//
//   using Call, Element; struct Shared; struct Worker;
//   static Shared share(Arena&, const Call&);                          lays out and packs what all threads
//   read static Worker lay_out(Arena&, const Call&, std::size_t capacity);  lays out a thread's memory for so
//   many points static std::size_t rows(const Call&);                              rows that one point
//   occupies in a tile static void run(const Call&, const Shared&, Worker&, std::size_t begin, std::size_t
//   end); static void commit(const Call&, const Shared&, Worker&);           only where kSums
#pragma once

#include "cpu/arena.h"
#include "cpu/calls.h"
#include "cpu/simd.h"

namespace transjet::cpu::TRANSJET_ISA {

// A tile should fit in the second-level cache beside the weights that pass through it, and be a few register
// blocks of rows high.
inline constexpr std::size_t kTileBytes = 256 << 10;
inline constexpr std::size_t kTileRows = 8 * static_cast<std::size_t>(kBlockRows);

template <typename Op, typename Call>
std::size_t tile_capacity(const Call& call) {
  const std::size_t rows = Op::rows(call);
  std::size_t capacity = (kTileRows + rows - 1) / rows;
  for (; capacity > 1; capacity = (capacity + 1) / 2) {
    Arena arena;
    Op::lay_out(arena, call, capacity);
    if (arena.used() - Op::fixed_bytes(call) <= kTileBytes) break;
  }
  return capacity;
}

template <typename Op>
struct Kernel {
  using Call = typename Op::Call;

  static Sizes sizes(const Call& call) {
    Arena shared, worker;
    shared.take<typename Op::Shared>(1);
    Op::share(shared, call);
    const std::size_t capacity = tile_capacity<Op>(call);
    Op::lay_out(worker, call, capacity);
    return {shared.used(), worker.used(), capacity};
  }

  static void prepare(const Call& call, void* memory) {
    Arena arena(memory);
    auto* shared = arena.take<typename Op::Shared>(1);
    *shared = Op::share(arena, call);
  }

  static typename Op::Worker worker(const Call& call, void* memory) {
    Arena arena(memory);
    return Op::lay_out(arena, call, tile_capacity<Op>(call));
  }

  static void run(const Call& call, const void* shared, void* memory, std::size_t begin, std::size_t end) {
    auto worker = Kernel::worker(call, memory);
    Op::run(call, *static_cast<const typename Op::Shared*>(shared), worker, begin, end);
  }

  static void commit(const Call& call, const void* shared, void* memory) {
    if constexpr (Op::kSums) {
      auto worker = Kernel::worker(call, memory);
      Op::commit(call, *static_cast<const typename Op::Shared*>(shared), worker);
    }
  }

  static constexpr BlockKernel<Call> table() {
    return {&sizes, &prepare, &run, Op::kSums ? &commit : nullptr};
  }
};

// Calls body(begin, points) for the tiles of [begin, end).
template <typename Body>
TRANSJET_INLINE void for_each_tile(std::size_t begin, std::size_t end, std::size_t capacity, Body&& body) {
  for (; begin < end; begin += capacity) body(begin, end - begin < capacity ? end - begin : capacity);
}

}  // namespace transjet::cpu::TRANSJET_ISA
