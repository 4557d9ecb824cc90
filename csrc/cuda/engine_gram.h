// J J^T of a residual, network by network and layer by layer: the factors of all points, then products of
// blocks of the Jacobian's columns or of the factors themselves.
#pragma once

#include <vector>

#include "cuda/engine.h"
#include "cuda/gram_plan.h"

namespace transjet::cuda {

// The factors of points from `begin` on; the adjoints on their way back are those of whatever chunk.
template <typename T>
Factors<T> chunk_of(Factors<T> factors, const PackedView<T>& packed, int streams, std::size_t begin) {
  const auto rows = [begin](T* matrix, int count, int line) {
    return shifted(matrix, begin * static_cast<std::size_t>(count) * static_cast<std::size_t>(line));
  };
  factors.inputs = rows(factors.inputs, factors.input_rows, packed.pads[0]);
  for (int l = 0; l < packed.hidden(); ++l) {
    factors.h[l] = rows(factors.h[l], streams, packed.pads[l + 1]);
    factors.zbar[l] = rows(factors.zbar[l], streams, packed.pads[l + 1]);
  }
  factors.outputs = rows(factors.outputs, factors.output_rows, packed.pads[packed.depth]);
  return factors;
}

template <typename T>
void factorize_all(Queue& queue, const Term<T>& term, const PackedView<T>& packed, int pad,
                   const Factors<T>& factors, int capacity) {
  const JetProblem<T>& all = term.problem;
  const int streams = shape_of(all).count();
  for_each_chunk(all.points.count, capacity, [&](std::size_t begin, int count) {
    find_factors(queue, chunk_of(all, begin, count), packed, pad,
                 chunk_of(term.coefficients, all.network, all.points.d, begin),
                 chunk_of(factors, packed, streams, begin));
  });
}

template <typename T>
HiddenColumns<T> hidden_columns(const JetProblem<T>& problem, const PackedView<T>& packed,
                                const Factors<T>& factors, int l) {
  return {{},
          factors.h[l - 1],
          factors.zbar[l],
          packed.pads[l],
          packed.pads[l + 1],
          shape_of(problem).count(),
          packed.widths[l],
          packed.widths[l + 1]};
}

// Inputs and adjoints, or what multiplies the outputs and streams.
template <typename T>
EndColumns<T> end_columns(const Term<T>& term, const PackedView<T>& packed, const Factors<T>& factors,
                          int l) {
  const JetProblem<T>& problem = term.problem;
  const Shape shape = shape_of(problem);
  EndColumns<T> columns{};
  columns.last = l > 0;
  columns.streams = shape.count();
  columns.weights = row_weights(shape, term.coefficients);
  if (!columns.last) {
    columns.a = factors.inputs;
    columns.b = factors.zbar[0];
    columns.dense = factors.input_rows;
  } else {
    columns.a = factors.outputs;
    columns.b = factors.h[l - 1];
    columns.dense = is_vector(problem) ? factors.output_rows : shape.head();
  }
  columns.a_line = packed.pads[columns.last ? packed.depth : 0];
  columns.b_line = packed.pads[columns.last ? l : 1];
  columns.in = packed.widths[columns.last ? packed.depth : 0];
  columns.out = packed.widths[columns.last ? l : 1];
  columns.head = shape.head();
  columns.d = problem.points.d;
  const bool table = has_tangent_table(problem) && (!columns.last || is_vector(problem));
  columns.tangents = table ? shape.tangents : 0;
  if (problem.directions.kind == DirectionKind::kShared) columns.directions = problem.directions.data;
  return columns;
}

// Adds what a layer gives, one block of its columns after the other.
template <typename T, typename R, typename Columns>
void add_assembled(Queue& queue, const JetProblem<T>& problem, int l, Columns columns, T* memory,
                   const GramSums<R>& sums) {
  const ColumnShape shape = column_shape(problem, l);
  const int step = rows_at_once(shape, problem.points.count, sizeof(T));
  for (int first = 0; first < shape.rows; first += step) {
    const int rows = std::min(step, shape.rows - first);
    columns.block = {memory, block_line(shape, rows), sums.points, first, rows, shape.row_length};
    assemble(queue, columns);
    add_products(queue, AssembledProduct<T, R>{columns.block, sums});
  }
}

template <typename T, typename R>
void add_layer(Queue& queue, const Term<T>& term, const PackedView<T>& packed, const Factors<T>& factors,
               int l, T* memory, const GramSums<R>& sums) {
  const JetProblem<T>& problem = term.problem;
  if (is_first_or_last(problem, l)) {
    return add_assembled(queue, problem, l, end_columns(term, packed, factors, l), memory, sums);
  }
  const HiddenColumns<T> columns = hidden_columns(problem, packed, factors, l);
  if (!is_factored(problem, l)) return add_assembled(queue, problem, l, columns, memory, sums);
  add_products(queue, FactoredProduct<T, R>{columns.h, columns.zbar, columns.h_line, columns.zbar_line,
                                            columns.streams, columns.in, columns.out, sums});
}

template <typename R>
void clear_sums(Queue& queue, const GramSums<R>& sums) {
  const std::size_t bytes = sums.elements() * sizeof(R);
  queue.add(memset_async(sums.result, 0, bytes, queue.stream()));
  queue.add(memset_async(sums.more, 0, bytes * static_cast<std::size_t>(sums.slots - 1), queue.stream()));
}

template <typename T, typename R>
void enqueue(Queue& queue, const GramCall<T, R>& call, const GramSpace<T>& space, int capacity) {
  const std::size_t points = call.term[0].problem.points.count;
  if (points == 0) return;
  const GramSums<R> sums{call.result, static_cast<R*>(space.more), static_cast<int>(points),
                         gram_slots(points)};
  clear_sums(queue, sums);
  for (int t = 0; t < call.terms; ++t) {
    const Term<T>& term = call.term[t];
    const PackedView<T>& packed = space.packed[static_cast<std::size_t>(t)];
    const Factors<T>& factors = space.factors[static_cast<std::size_t>(t)];
    queue.add(pack(term.problem, term.problem.parameters, packed, queue.stream()));
    factorize_all(queue, term, packed, space.pads[static_cast<std::size_t>(t)], factors, capacity);
    for (int l = term.problem.frozen_first ? 1 : 0; l < term.problem.network.depth; ++l)
      add_layer(queue, term, packed, factors, l, space.block, sums);
  }
  finish_gram(queue, sums);
}

}  // namespace transjet::cuda
