// Runs a kernel over all points on the threads of a pool.
#pragma once

#include <algorithm>
#include <memory>
#include <new>

#include "core/parallel.h"
#include "cpu/calls.h"

namespace transjet::cpu {

class AlignedMemory {
 public:
  // Throws std::bad_alloc.
  explicit AlignedMemory(std::size_t bytes)
      : data_(::operator new(std::max<std::size_t>(bytes, 1), kAlignment)) {}
  ~AlignedMemory() { ::operator delete(data_, kAlignment); }
  AlignedMemory(const AlignedMemory&) = delete;
  AlignedMemory& operator=(const AlignedMemory&) = delete;

  char* data() const { return static_cast<char*>(data_); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  void* data_;
};

// Points that one task takes. It depends on the problem alone, never on the threads, because sums are rounded
// by task: a few tiles, so that adding up costs little, and few tasks if there are many points.
inline std::size_t points_per_task(std::size_t points, std::size_t tile) {
  constexpr std::size_t kLeastTiles = 4, kMostTasks = 64;
  const std::size_t tiles = (points + tile - 1) / tile;
  return tile * std::max(kLeastTiles, (tiles + kMostTasks - 1) / kMostTasks);
}

// Results whose points are disjoint are written; sums are added to what is there. Throws std::bad_alloc,
// having written nothing.
template <typename Call>
void run(const BlockKernel<Call>& kernel, const Call& call, std::size_t points, Pool& pool) {
  if (points == 0) return;
  const Sizes sizes = kernel.sizes(call);
  const std::size_t block = points_per_task(points, sizes.tile);
  const std::size_t tasks = (points + block - 1) / block;
  const AlignedMemory shared(sizes.shared);
  const AlignedMemory workers(sizes.worker * std::min(pool.threads(), tasks));
  kernel.prepare(call, shared.data());
  for_each_task(pool, tasks, [&](std::size_t worker, std::size_t task, const std::function<void()>& turn) {
    void* memory = workers.data() + worker * sizes.worker;
    const std::size_t begin = task * block;
    kernel.run(call, shared.data(), memory, begin, std::min(points, begin + block));
    if (kernel.commit == nullptr) return;
    turn();
    kernel.commit(call, shared.data(), memory);
  });
}

// Throws std::bad_alloc, having written nothing.
template <typename Call>
void run(const PhasedKernel<Call>& kernel, const Call& call, Pool& pool) {
  const Sizes sizes = kernel.sizes(call);
  const AlignedMemory shared(sizes.shared);
  const AlignedMemory workers(sizes.worker * pool.threads());
  const std::size_t phases = kernel.prepare(call, shared.data());
  for (std::size_t phase = 0; phase < phases; ++phase) {
    for_each_task(pool, kernel.tasks(call, shared.data(), phase),
                  [&](std::size_t worker, std::size_t task, const std::function<void()>&) {
                    kernel.run(call, shared.data(), workers.data() + worker * sizes.worker, phase, task);
                  });
  }
}

}  // namespace transjet::cpu
