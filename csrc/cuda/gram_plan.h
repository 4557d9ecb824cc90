// The plan of J J^T: which form each layer takes, how many columns at once, and what memory that needs.
#pragma once

#include <vector>

#include "cuda/find_factors.h"
#include "cuda/gram_steps.h"

namespace transjet::cuda {

// What a layer's block of columns may take, unless it would have less than kGramColumns of them; and the most
// columns that are worth a launch of their own.
inline constexpr std::size_t kGramBlockBytes = std::size_t{16} << 20;
inline constexpr int kMostGramColumns = 8 * kGramColumns;

template <typename T>
bool is_first_or_last(const JetProblem<T>& problem, int l) {
  return l == 0 || l == problem.network.depth - 1;
}

// As on the CPU: the form with fewer multiplications a pair of points, where writing and reading the S^2
// products of the factored form counts as well. Its tiles must hold all streams of a point.
template <typename T>
bool is_factored(const JetProblem<T>& problem, int l) {
  const auto s = static_cast<std::size_t>(shape_of(problem).count());
  if (is_first_or_last(problem, l) || s > static_cast<std::size_t>(kBlockRows)) return false;
  const auto in = static_cast<std::size_t>(problem.network.widths[l]);
  const auto out = static_cast<std::size_t>(problem.network.widths[l + 1]);
  return s * s * (in + out + 8) < in * out;
}

// Rows of a layer's columns, the bias among them, and their length: those of its weights or, of the last
// layer, of their transpose, since outputs are few.
struct ColumnShape {
  int rows, row_length;
};

template <typename T>
ColumnShape column_shape(const JetProblem<T>& problem, int l) {
  const int in = problem.network.widths[l], out = problem.network.widths[l + 1];
  const bool last = l == problem.network.depth - 1;
  const int length = last && in > out ? in : out;
  return {1 + (last ? out : in), (length + 3) / 4 * 4};
}

// Rows at once: a multiple of 4, or all.
inline int rows_at_once(const ColumnShape& shape, std::size_t points, std::size_t element) {
  const std::size_t fit = kGramBlockBytes / (element * std::max<std::size_t>(1, points));
  const auto columns =
      static_cast<int>(std::min<std::size_t>(kMostGramColumns, std::max<std::size_t>(kGramColumns, fit)));
  return std::min(shape.rows, std::max(4, columns / shape.row_length / 4 * 4));
}

inline int block_line(const ColumnShape& shape, int rows) { return padded(rows * shape.row_length); }

// The elements of a point's line in the largest block of a network.
template <typename T>
int longest_block_line(const JetProblem<T>& problem) {
  int longest = 0;
  for (int l = problem.frozen_first ? 1 : 0; l < problem.network.depth; ++l) {
    if (is_factored(problem, l)) continue;
    const ColumnShape shape = column_shape(problem, l);
    longest = std::max(longest, block_line(shape, rows_at_once(shape, problem.points.count, sizeof(T))));
  }
  return longest;
}

// So many that a large GPU is filled; by sizes alone, so that results do not depend on the device.
inline int gram_slots(std::size_t points) {
  constexpr std::size_t kBlocks = 396, kMost = 8;
  const std::size_t rows = (points + kBlockRows - 1) / kBlockRows,
                    tiles = std::max<std::size_t>(1, rows * (rows + 1) / 2);
  return static_cast<int>(std::min(kMost, (kBlocks + tiles - 1) / tiles));
}

// Working memory of J J^T. Factors of one network at all points are kept at a time; only the adjoints that
// are on their way back are those of a chunk.
template <typename T>
struct GramSpace {
  std::vector<int> pads;              // [terms]: of hidden layers for the fused kernels, or 0
  std::vector<PackedView<T>> packed;  // [terms]
  std::vector<Factors<T>> factors;    // [terms], all in the same memory
  T* block;
  void* more;  // slots of the result
};

template <typename T>
Factors<T> take_gram_factors(Workspace& workspace, const JetProblem<T>& problem, const PackedView<T>& packed,
                             int pad, int capacity) {
  Factors<T> factors =
      take_factors(workspace, problem, packed, false, static_cast<int>(problem.points.count));
  if (pad == 0) factors.g = take_rows<T>(workspace, capacity, shape_of(problem).count(), widest_pad(packed));
  return factors;
}

// `capacity` points go through a network together.
template <typename T, typename R>
GramSpace<T> lay_out(Workspace& workspace, const cpu::GramCall<T, R>& call, int capacity,
                     const Options& options) {
  GramSpace<T> space{};
  const std::size_t points = call.term[0].problem.points.count;
  std::size_t bytes = 0;
  int line = 0;
  for (int t = 0; t < call.terms; ++t) {
    const JetProblem<T>& problem = call.term[t].problem;
    space.pads.push_back(pad_for_factors(problem, options));
    space.packed.push_back(take_packed(workspace, problem, space.pads.back()));
    Workspace own;
    take_gram_factors(own, problem, space.packed.back(), space.pads.back(), capacity);
    bytes = std::max(bytes, own.used());
    line = std::max(line, longest_block_line(problem));
  }
  char* shared = workspace.take<char>(bytes);
  for (int t = 0; t < call.terms; ++t) {
    Workspace own(shared);
    const auto i = static_cast<std::size_t>(t);
    space.factors.push_back(
        take_gram_factors(own, call.term[t].problem, space.packed[i], space.pads[i], capacity));
  }
  space.block = workspace.take<T>(points * static_cast<std::size_t>(line));
  space.more = workspace.take<R>(static_cast<std::size_t>(gram_slots(points) - 1) * points * points);
  return space;
}

}  // namespace transjet::cuda
