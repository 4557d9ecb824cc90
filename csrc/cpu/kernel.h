// From an operation's parts to the BlockKernel that the threads run. An operation `Op` has
//
//   using Call; struct Shared; struct Worker; static constexpr bool kSums;
//   static Shared share(Arena&, const Call&);                          packs what all threads read
//   static std::size_t capacity(const Call&);                          points of a tile
//   static Worker lay_out(Arena&, const Call&, std::size_t capacity);  a thread's memory
//   static void run(const Call&, const Shared&, Worker&, begin, end);  a range of points
//   static void commit(const Call&, const Shared&, Worker&);           only where kSums
#pragma once

#include "cpu/arena.h"
#include "cpu/calls.h"
#include "cpu/simd.h"

namespace transjet::cpu::TRANSJET_ISA {

// A tile should fit in the second-level cache beside the weights that pass through it, and be a few register
// blocks of rows high.
inline constexpr std::size_t kTileBytes = 480 << 10;
inline constexpr std::size_t kTileRows = 8 * static_cast<std::size_t>(kBlockRows);

// Points of a tile of so many rows a point, `bytes(capacity)` being what it occupies.
template <typename Bytes>
std::size_t tile_capacity(std::size_t rows, Bytes&& bytes) {
  std::size_t capacity = (kTileRows + rows - 1) / rows;
  while (capacity > 1 && bytes(capacity) > kTileBytes) capacity = (capacity + 1) / 2;
  return capacity;
}

// The same for an operation whose working memory is that of a tile.
template <typename Op>
std::size_t tile_capacity_of(const typename Op::Call& call, std::size_t rows) {
  return tile_capacity(rows, [&](std::size_t capacity) {
    Arena arena;
    Op::lay_out(arena, call, capacity);
    return arena.used();
  });
}

template <typename Op>
struct Kernel {
  using Call = typename Op::Call;

  static Sizes sizes(const Call& call) {
    Arena shared, worker;
    shared.take<typename Op::Shared>(1);
    Op::share(shared, call);
    const std::size_t capacity = Op::capacity(call);
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
    return Op::lay_out(arena, call, Op::capacity(call));
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
