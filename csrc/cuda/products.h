// Products of matrices in the workspace: what the kernels are asked to do. Matrices are row-major, and rows
// start at multiples of 16 elements and are padded to them, zero or multiplied by zero there.
#pragma once

#include <algorithm>

#include "core/network.h"
#include "cuda/index.cuh"
#include "cuda/queue.h"
#include "cuda/views.h"

namespace transjet::cuda {

inline constexpr int kMaxJobs = kMaxLayers + 2;  // of one network: its layers and tangents at both ends
inline constexpr int kMaxVectors = 8;            // that share a launch
inline constexpr int kBlockRows = 64, kBlockColumns = 64;  // of a result that a block of threads computes

TRANSJET_HOST_DEVICE int row_blocks(int rows) { return (rows + kBlockRows - 1) / kBlockRows; }
TRANSJET_HOST_DEVICE int column_blocks(int columns) { return (columns + kBlockColumns - 1) / kBlockColumns; }

// Where row r of an operand lies that takes `count` of every `step` rows, from row `first` on.
struct RowMap {
  int count, step, first;

  TRANSJET_HOST_DEVICE int operator()(int r) const { return r / count * step + first + r % count; }
};

// c = a b, or c += a b
template <typename T>
struct Product {
  const T* a;
  int a_line;
  RowMap a_rows;
  const T* b;
  int b_line;
  T* c;
  int c_line;
  int rows, depth, columns;
  bool add;
};

template <typename T>
void multiply(Queue& queue, const Product<T>& product);

// The weight of a row in a residual's derivative: stream s of point p of a chunk.
enum class Weight { kOne, kSecond, kHead };

template <typename T>
struct RowWeights {
  const T* value;   // c_value of the chunk's points; of scalar networks
  const T* second;  // c_second
  bool time;

  // kHead is the weight of a scalar network's output, as cpu/factors.h derives it.
  TRANSJET_HOST_DEVICE T operator()(Weight weight, int p, int s) const {
    if (weight == Weight::kOne) return T(1);
    if (weight == Weight::kSecond) return second[p];
    if (s == 0) return value[p];
    return time && s == 1 ? T(1) : second[p];
  }
};

// Sums over columns of `with` times (a b + constant), row by row, `rows.count` rows a point; in the rows of
// every point `constant` is added to the first `constants`. Without depth there is no a b.
template <typename T>
struct ContractJob {
  const T* a;
  const T* b;
  const T* with;
  const T* constant;
  int a_line, b_line, with_line, constant_line;
  RowMap a_rows, with_rows;
  int constants, depth, columns;
  Weight weight;
  int first_block;        // set by lay_out_contraction
  std::size_t first_sum;  // in `sums`: a line of rows for every block of columns
};

// All inner products that make up J v of one network and one chunk, for several v: b and constant are those
// of the first, and `change_stride` elements apart from one v to the next.
template <typename T>
struct Contraction {
  ContractJob<T> job[kMaxJobs];
  int jobs, points, vectors;
  RowWeights<T> weights;
  T* sums;
  std::size_t change_stride;
  std::size_t sums_stride;  // set by lay_out_contraction
};

template <typename T>
TRANSJET_HOST_DEVICE int job_rows(const ContractJob<T>& job, int points) {
  return job.with_rows.count * points;
}

// Sets what the kernels want to know of the jobs; returns the elements of `sums`, of all vectors.
template <typename T>
std::size_t lay_out_contraction(Contraction<T>& contraction) {
  std::size_t elements = 0;
  int blocks = 0;
  for (int i = 0; i < contraction.jobs; ++i) {
    ContractJob<T>& job = contraction.job[i];
    const int rows = job_rows(job, contraction.points);
    job.first_block = blocks;
    job.first_sum = elements;
    blocks += row_blocks(rows) * column_blocks(job.columns);
    elements += offset_of(rows, column_blocks(job.columns));
  }
  contraction.sums_stride = elements;
  return elements * static_cast<std::size_t>(contraction.vectors);
}

template <typename T>
void contract(Queue& queue, const Contraction<T>& contraction);

// partial[vector][slot] = a^T diag(scale) b over the slot's rows; behind it, one row more: the sum of every
// point's first row of diag(scale) b. `count` rows a point.
template <typename T>
struct SumJob {
  const T* a;
  const T* b;
  T* partial;
  int a_line, b_line;
  RowMap a_rows, b_rows;
  int columns_a, columns_b;  // of the result, the latter padded
  int slots, first_block;    // set by lay_out_sums
};

template <typename T>
struct MatrixSums {
  SumJob<T> job[kMaxJobs];
  int jobs, points, vectors;
  const T* scale;  // (vectors, scale_stride): a number a point; or null for ones
  std::size_t scale_stride;
};

template <typename T>
TRANSJET_HOST_DEVICE std::size_t sum_elements(const SumJob<T>& job) {
  return offset_of(job.columns_a + 1, job.columns_b);
}

template <typename T>
TRANSJET_HOST_DEVICE int sum_tiles(const SumJob<T>& job) {
  return row_blocks(job.columns_a) * column_blocks(job.columns_b);
}

// Chooses slots for at most `capacity` points and so many vectors at once: by sizes alone, so that results do
// not depend on the device.
template <typename T>
void choose_slots(MatrixSums<T>& sums, int capacity, int vectors) {
  constexpr int kBlocks = 264;  // enough to fill a large GPU twice
  constexpr int kLeastRows = 128;
  int tiles = 0, blocks = 0;
  for (int i = 0; i < sums.jobs; ++i) tiles += sum_tiles(sums.job[i]) * vectors;
  for (int i = 0; i < sums.jobs; ++i) {
    SumJob<T>& job = sums.job[i];
    const int most = (job.a_rows.count * capacity + kLeastRows - 1) / kLeastRows;
    const int wanted = (kBlocks + tiles - 1) / tiles;
    job.slots = std::max(1, std::min(wanted, most));
    job.first_block = blocks;
    blocks += job.slots * sum_tiles(job);
  }
}

template <typename T>
void sum_matrices(Queue& queue, const MatrixSums<T>& sums);

}  // namespace transjet::cuda
