// Sums over points and over the slots of products.
#pragma once

#include "cuda/products.h"

namespace transjet::cuda {

// partial[vector][slot] = sums over the slot's points of scale times weight times rows [first, first + count)
// of every `step` rows: one row each or, merged, a single one with the sum of the first rows' weights behind
// it.
template <typename T>
struct StreamSum {
  const T* from;
  int line, step, first, count;
  Weight weight;
  bool merged;
  T* partial;
  int slots, first_block;  // set by choose_slots

  TRANSJET_HOST_DEVICE int rows() const { return merged ? 1 : count; }
  TRANSJET_HOST_DEVICE std::size_t elements() const { return offset_of(rows(), line) + 16; }
};

template <typename T>
struct StreamSums {
  StreamSum<T> job[2];
  int jobs, points, vectors;
  RowWeights<T> weights;
  const T* scale;  // (vectors, scale_stride): a number a point; or null for ones
  std::size_t scale_stride;
};

inline constexpr int kStreamColumns = 32, kStreamPoints = 8;  // of a block of threads

// Blocks of a slot.
template <typename T>
TRANSJET_HOST_DEVICE int stream_tiles(const StreamSum<T>& job) {
  return (job.line + kStreamColumns - 1) / kStreamColumns * job.rows();
}

template <typename T>
void choose_slots(StreamSums<T>& sums, int capacity, int vectors) {
  constexpr int kBlocks = 264, kLeastPoints = 64;
  int blocks = 0;
  for (int i = 0; i < sums.jobs; ++i) {
    StreamSum<T>& job = sums.job[i];
    const int tiles = stream_tiles(job) * vectors, wanted = (kBlocks + tiles - 1) / tiles;
    job.slots = std::max(1, std::min(wanted, (capacity + kLeastPoints - 1) / kLeastPoints));
    job.first_block = blocks;
    blocks += job.slots * stream_tiles(job);
  }
}

template <typename T>
void sum_streams(Queue& queue, const StreamSums<T>& sums);

// to[vector] = sum over slots of from[vector][slot], in their order; or to += that.
template <typename T>
struct Reduction {
  const T* from;
  std::size_t stride;  // from slot to slot
  int slots, rows, columns, line, to_line;
};

template <typename T>
struct Reductions {
  Reduction<T> job[2 * kMaxJobs];
  T* to[kMaxVectors][2 * kMaxJobs];
  int jobs, vectors;
  bool add;
};
static_assert(sizeof(Reductions<double>) <= 4096, "what a kernel can be given");

template <typename T>
void reduce(Queue& queue, const Reductions<T>& reductions);

// Adds to the gradients what tangents along directions (the coordinates, if there are none) give to the first
// layer's weights and, transposed, to a vector network's last ones: directions^T times the sums of tangents.
template <typename T>
struct TangentSums {
  const T* directions;  // shared ones, or null
  int count, d;
  const T* sums[2];  // (count, line), null where there are none
  int line[2], width[2];
  T* gradient[2];
};
template <typename T>
void add_tangent_sums(Queue& queue, const TangentSums<T>& sums);

// product = J v of a chunk's points and every v, from a contraction; further networks are added, and the last
// one weights: u = W (J v + offset).
template <typename T>
struct Finish {
  const T* bias_change;  // of a scalar network's output, or null
  bool first, last;
  const T* offset;   // or null for zeros
  const T* weights;  // or null for ones, the same for every v
  T* product;
  std::size_t stride;  // of offset and product, from one v to the next
};
template <typename T>
void finish_product(Queue& queue, const Contraction<T>& contraction, const Finish<T>& finish);

}  // namespace transjet::cuda
