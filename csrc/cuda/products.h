// Products of matrices in the workspace: what the kernels are asked to do. Matrices are row-major, and rows
// start at multiples of 16 elements and are padded to them, zero or multiplied by zero there.
#pragma once

#include "core/network.h"
#include "cuda/options.h"
#include "cuda/queue.h"
#include "cuda/views.h"

namespace transjet::cuda {

inline constexpr int kMaxJobs = kMaxLayers + 2;  // of one network: its layers and tangents at both ends

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
void multiply(Queue& queue, Precision precision, const Product<T>& product);

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

// All inner products that make up J v of one network and one chunk.
template <typename T>
struct Contraction {
  ContractJob<T> job[kMaxJobs];
  int jobs, points;
  RowWeights<T> weights;
  T* sums;
};

// Sets what the kernels want to know of the jobs; returns the elements of `sums`.
template <typename T>
std::size_t lay_out_contraction(Contraction<T>& contraction);

template <typename T>
void contract(Queue& queue, Precision precision, const Contraction<T>& contraction);

// partial[slot] = a^T diag(scale) b over the slot's rows; behind it, one row more: the sum of every point's
// first row of diag(scale) b. `count` rows a point.
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
  int jobs, points;
  const T* scale;  // a point, or null for ones
};

template <typename T>
std::size_t sum_elements(const SumJob<T>& job) {
  return static_cast<std::size_t>(job.columns_a + 1) * static_cast<std::size_t>(job.columns_b);
}

// Chooses slots for at most `capacity` points.
template <typename T>
void choose_slots(MatrixSums<T>& sums, int capacity);

template <typename T>
void sum_matrices(Queue& queue, Precision precision, const MatrixSums<T>& sums);

}  // namespace transjet::cuda
