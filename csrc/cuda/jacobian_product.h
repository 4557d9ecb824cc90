// J v of every point of a chunk and for several v, from the factors of one network.
#pragma once

#include "cuda/layered_factors.h"
#include "cuda/reductions.h"

namespace transjet::cuda {

// <with, a V_l + bias> of one layer. A point has `rows_a` rows in a and `rows_with` in `with`; the first
// `count` of them take part.
template <typename T>
ContractJob<T> layer_job(const PackedView<T>& change, int l, const T* a, const T* with, int rows_a,
                         int rows_with, int count) {
  ContractJob<T> job{};
  job.a = a;
  job.b = change.forward[l];
  job.with = with;
  job.constant = change.bias[l];
  job.a_line = job.depth = change.pads[l];
  job.b_line = job.with_line = job.columns = change.pads[l + 1];
  job.a_rows = {count, rows_a, 0};
  job.with_rows = {count, rows_with, 0};
  job.constants = 1;
  job.weight = Weight::kOne;
  return job;
}

// <with, constants>: the rows of every point with those of `constant`, `constant_line` elements apart.
template <typename T>
ContractJob<T> constant_job(const T* constant, int constant_line, const T* with, int line, const RowMap& rows,
                            Weight weight) {
  ContractJob<T> job{};
  job.with = with;
  job.constant = constant;
  job.constant_line = constant_line;
  job.with_line = job.columns = line;
  job.a_rows = job.with_rows = rows;
  job.constants = rows.count;
  job.weight = weight;
  return job;
}

// A network's part of several v: changes of its parameters, packed one behind the other.
template <typename T>
struct Changes {
  PackedView<T> first;
  std::size_t stride;
  int count;
};

// What J v is summed of.
template <typename T>
Contraction<T> contraction_of(const JetProblem<T>& problem, const Changes<T>& changes,
                              const Fields<const T>& c, const Factors<T>& factors) {
  const PackedView<T>& change = changes.first;
  const Shape shape = shape_of(problem);
  const int count = shape.count(), top = change.hidden() - 1;
  Contraction<T> all{};
  all.points = static_cast<int>(problem.points.count);
  all.vectors = changes.count;
  all.change_stride = changes.stride;
  all.weights = row_weights(shape, c);
  const auto add = [&](const ContractJob<T>& job) { all.job[all.jobs++] = job; };
  add(layer_job(change, 0, factors.inputs, factors.zbar[0], factors.input_rows, count, factors.input_rows));
  for (int l = 1; l <= top; ++l)
    add(layer_job(change, l, factors.h[l - 1], factors.zbar[l], count, count, count));
  const bool table = has_tangent_table(problem);
  const RowMap tangents{shape.tangents, count, shape.head()};
  if (table)
    add(constant_job(change.first_tangents, change.pads[1], factors.zbar[0], change.pads[1], tangents,
                     Weight::kOne));
  const int last = top + 1, line = change.pads[last];
  if (!is_vector(problem)) {
    add(constant_job(change.backward[last], 0, factors.h[top], line, {shape.head(), count, 0},
                     Weight::kHead));
    return all;
  }
  add(layer_job(change, last, factors.h[top], factors.outputs, count, factors.output_rows,
                factors.output_rows));
  if (table) add(constant_job(change.last_tangents, line, factors.h[top], line, tangents, Weight::kSecond));
  return all;
}

// Elements that the row sums of J v take, for `vectors` at once.
template <typename T>
std::size_t contraction_elements(JetProblem<T> problem, const PackedView<T>& packed, int vectors,
                                 int capacity) {
  problem.points.count = static_cast<std::size_t>(capacity);
  Factors<T> factors{};
  factors.input_rows = input_rows(problem, shape_of(problem));
  factors.output_rows = output_rows(problem);
  Contraction<T> contraction = contraction_of(problem, Changes<T>{packed, 0, vectors}, {}, factors);
  return lay_out_contraction(contraction);
}

template <typename T>
void add_product(Queue& queue, const JetProblem<T>& problem, const Changes<T>& changes,
                 const Fields<const T>& c, const Factors<T>& factors, T* row_sums, Finish<T> finish) {
  Contraction<T> contraction = contraction_of(problem, changes, c, factors);
  contraction.sums = row_sums;
  lay_out_contraction(contraction);
  contract(queue, contraction);
  if (!is_vector(problem)) finish.bias_change = changes.first.bias[changes.first.depth - 1];
  finish_product(queue, contraction, finish);
}

}  // namespace transjet::cuda
