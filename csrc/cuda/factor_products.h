// Products with the factors of one network at a chunk of points: J v of every point, and J^T u.
#pragma once

#include "cuda/layered_factors.h"
#include "cuda/reductions.h"

namespace transjet::cuda {

template <typename T>
bool has_tangent_table(const JetProblem<T>& problem) {
  return shape_of(problem).tangents > 0 && !has_own_directions(problem);
}

// <with, a V_l + constants> of one layer, without what lies at `a_rows` and `with_rows`.
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

// <with, constants>: rows [first, first + count) of every point, with rows of `constant`, a line or nothing
// apart.
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

// What J v is summed of, for a change of the parameters.
template <typename T>
Contraction<T> contraction_of(const JetProblem<T>& problem, const PackedView<T>& change,
                              const Fields<const T>& c, const Factors<T>& factors) {
  const Shape shape = shape_of(problem);
  const int count = shape.count(), top = change.hidden() - 1;
  Contraction<T> all{};
  all.points = static_cast<int>(problem.points.count);
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

// Elements that the row sums of J v take.
template <typename T>
std::size_t contraction_elements(JetProblem<T> problem, const PackedView<T>& packed, int capacity) {
  problem.points.count = static_cast<std::size_t>(capacity);
  Factors<T> factors{};
  factors.input_rows = input_rows(problem, shape_of(problem));
  factors.output_rows = output_rows(problem);
  Contraction<T> contraction = contraction_of(problem, packed, {}, factors);
  return lay_out_contraction(contraction);
}

template <typename T>
void add_product(Queue& queue, const JetProblem<T>& problem, const PackedView<T>& change,
                 const Fields<const T>& c, const Factors<T>& factors, T* row_sums, Finish<T> finish) {
  Contraction<T> contraction = contraction_of(problem, change, c, factors);
  contraction.sums = row_sums;
  lay_out_contraction(contraction);
  contract(queue, contraction);
  if (!is_vector(problem)) finish.bias_change = change.bias[change.depth - 1];
  finish_product(queue, contraction, finish);
}

// Sums of J^T u, with memory for their slots.
template <typename T>
struct GradientSums {
  MatrixSums<T> matrices;
  StreamSums<T> streams;
};

template <typename T>
SumJob<T> sum_job(const PackedView<T>& packed, int l, const T* a, const T* b, int rows_a, int rows_b,
                  int count) {
  SumJob<T> job{};
  job.a = a;
  job.b = b;
  job.a_line = packed.pads[l];
  job.b_line = job.columns_b = packed.pads[l + 1];
  job.a_rows = {count, rows_a, 0};
  job.b_rows = {count, rows_b, 0};
  job.columns_a = packed.widths[l];
  return job;
}

template <typename T>
void list_sums(GradientSums<T>& sums, const JetProblem<T>& problem, const PackedView<T>& packed,
               const Factors<T>& factors) {
  const Shape shape = shape_of(problem);
  const int count = shape.count(), top = packed.hidden() - 1;
  const auto add = [&](const SumJob<T>& job) { sums.matrices.job[sums.matrices.jobs++] = job; };
  const auto add_streams = [&](const T* from, int l, int first, int rows, Weight weight, bool merged) {
    sums.streams.job[sums.streams.jobs++] = {from,   packed.pads[l], count,   first, rows,
                                             weight, merged,         nullptr, 0,     0};
  };
  add(sum_job(packed, 0, factors.inputs, factors.zbar[0], factors.input_rows, count, factors.input_rows));
  for (int l = 1; l <= top; ++l)
    add(sum_job(packed, l, factors.h[l - 1], factors.zbar[l], count, count, count));
  if (has_tangent_table(problem))
    add_streams(factors.zbar[0], 1, shape.head(), shape.tangents, Weight::kOne, false);
  if (!is_vector(problem)) return add_streams(factors.h[top], top + 1, 0, shape.head(), Weight::kHead, true);
  add(sum_job(packed, top + 1, factors.h[top], factors.outputs, count, factors.output_rows,
              factors.output_rows));
  if (has_tangent_table(problem))
    add_streams(factors.h[top], top + 1, shape.head(), shape.tangents, Weight::kSecond, false);
}

// Lists the sums, and takes memory for their slots from `slots`.
template <typename T>
GradientSums<T> take_sums(Workspace& slots, const JetProblem<T>& problem, const PackedView<T>& packed,
                          const Factors<T>& factors, int capacity) {
  GradientSums<T> sums{};
  list_sums(sums, problem, packed, factors);
  choose_slots(sums.matrices, capacity);
  choose_slots(sums.streams, capacity);
  for (int i = 0; i < sums.matrices.jobs; ++i) {
    SumJob<T>& job = sums.matrices.job[i];
    job.partial = slots.take<T>(static_cast<std::size_t>(job.slots) * sum_elements(job));
  }
  for (int i = 0; i < sums.streams.jobs; ++i) {
    StreamSum<T>& job = sums.streams.job[i];
    job.partial = slots.take<T>(static_cast<std::size_t>(job.slots) * job.elements());
  }
  return sums;
}

// Sums over points of the tangents that are the same for all of them, at both ends of the network: of one
// network and one vector, and kept from chunk to chunk. Null where there are none.
template <typename T>
struct TangentTables {
  T* sums[2];
};

template <typename T>
TangentTables<T> take_tables(Workspace& workspace, const JetProblem<T>& problem,
                             const PackedView<T>& packed) {
  TangentTables<T> tables{};
  if (!has_tangent_table(problem)) return tables;
  const int count = shape_of(problem).tangents;
  tables.sums[0] = take_rows<T>(workspace, 1, count, packed.pads[1]);
  if (is_vector(problem)) tables.sums[1] = take_rows<T>(workspace, 1, count, packed.pads[packed.depth - 1]);
  return tables;
}

// Where the sums of all slots go: gradients and tables.
template <typename T>
Reductions<T> reductions_of(const GradientSums<T>& sums, const Architecture& network,
                            const Parameters<T>& gradient, const TangentTables<T>& tables) {
  Reductions<T> all{};
  const auto add = [&](const Reduction<T>& job) { all.job[all.jobs++] = job; };
  for (int l = 0; l < sums.matrices.jobs; ++l) {
    const SumJob<T>& job = sums.matrices.job[l];
    const std::size_t stride = sum_elements(job);
    const int columns = network.widths[l + 1];
    add({job.partial, stride, job.slots, job.columns_a, columns, job.columns_b, gradient.weights[l],
         columns});
    add({shifted(job.partial,
                 static_cast<std::size_t>(job.columns_a) * static_cast<std::size_t>(job.columns_b)),
         stride, job.slots, 1, columns, job.columns_b, gradient.biases[l], columns});
  }
  int table = 0;
  const int last = network.depth - 1;
  for (int i = 0; i < sums.streams.jobs; ++i) {
    const StreamSum<T>& job = sums.streams.job[i];
    if (!job.merged) {
      add({job.partial, job.elements(), job.slots, job.count, job.line, job.line, tables.sums[table++],
           job.line});
      continue;
    }
    add({job.partial, job.elements(), job.slots, 1, network.widths[last], job.line, gradient.weights[last],
         network.widths[last]});
    add({shifted(job.partial, static_cast<std::size_t>(job.line)), job.elements(), job.slots, 1, 1, 1,
         gradient.biases[last], 1});
  }
  return all;
}

// gradient = J^T u of a chunk's points, or += that; tables likewise. u is `scale`, or ones where that is
// null.
template <typename T>
void sum_gradient(Queue& queue, const JetProblem<T>& problem, const Fields<const T>& c, GradientSums<T> sums,
                  const T* scale, const TangentTables<T>& tables, const Parameters<T>& gradient, bool add) {
  const int points = static_cast<int>(problem.points.count);
  Reductions<T> reductions = reductions_of(sums, problem.network, gradient, tables);
  reductions.add = add;
  sums.matrices.points = sums.streams.points = points;
  sums.matrices.scale = sums.streams.scale = scale;
  sums.streams.weights = row_weights(shape_of(problem), c);
  sum_matrices(queue, sums.matrices);
  sum_streams(queue, sums.streams);
  reduce(queue, reductions);
}

// What is left when all chunks are done.
template <typename T>
void finish_gradient(Queue& queue, const JetProblem<T>& problem, const TangentTables<T>& tables,
                     const PackedView<T>& packed, const Parameters<T>& gradient) {
  if (!has_tangent_table(problem)) return;
  const int last = packed.depth - 1;
  const bool shared = problem.directions.kind == DirectionKind::kShared;
  add_tangent_sums<T>(queue, {shared ? problem.directions.data : nullptr,
                              shape_of(problem).tangents,
                              problem.points.d,
                              {tables.sums[0], tables.sums[1]},
                              {packed.pads[1], packed.pads[last]},
                              {packed.widths[1], packed.widths[last]},
                              {gradient.weights[0], gradient.weights[last]}});
}

}  // namespace transjet::cuda
