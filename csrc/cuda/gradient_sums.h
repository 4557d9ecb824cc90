// J^T u over a chunk of points and for several u, from the factors of one network.
#pragma once

#include <vector>

#include "cuda/layered_factors.h"
#include "cuda/reductions.h"

namespace transjet::cuda {

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

// Lists the sums, and takes memory for the slots of `vectors` u from `slots`.
template <typename T>
GradientSums<T> take_sums(Workspace& slots, const JetProblem<T>& problem, const PackedView<T>& packed,
                          const Factors<T>& factors, int vectors, int capacity) {
  GradientSums<T> sums{};
  list_sums(sums, problem, packed, factors);
  choose_slots(sums.matrices, capacity, vectors);
  choose_slots(sums.streams, capacity, vectors);
  for (int i = 0; i < sums.matrices.jobs; ++i) {
    SumJob<T>& job = sums.matrices.job[i];
    job.partial = slots.take<T>(offset_of(vectors, job.slots) * sum_elements(job));
  }
  for (int i = 0; i < sums.streams.jobs; ++i) {
    StreamSum<T>& job = sums.streams.job[i];
    job.partial = slots.take<T>(offset_of(vectors, job.slots) * job.elements());
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

// Where J^T u of one u goes.
template <typename T>
struct Target {
  Parameters<T> gradient;
  TangentTables<T> tables;
};

// The sums of a network's slots.
template <typename T>
Reductions<T> reductions_of(const GradientSums<T>& sums, const Architecture& network) {
  Reductions<T> all{};
  const auto add = [&](const Reduction<T>& job) { all.job[all.jobs++] = job; };
  for (int l = 0; l < sums.matrices.jobs; ++l) {
    const SumJob<T>& job = sums.matrices.job[l];
    const std::size_t stride = sum_elements(job);
    const int columns = network.widths[l + 1];
    add({job.partial, stride, job.slots, job.columns_a, columns, job.columns_b, columns});
    add({shifted(job.partial, offset_of(job.columns_a, job.columns_b)), stride, job.slots, 1, columns,
         job.columns_b, columns});
  }
  for (int i = 0; i < sums.streams.jobs; ++i) {
    const StreamSum<T>& job = sums.streams.job[i];
    if (!job.merged) {
      add({job.partial, job.elements(), job.slots, job.count, job.line, job.line, job.line});
      continue;
    }
    const int width = network.widths[network.depth - 1];
    add({job.partial, job.elements(), job.slots, 1, width, job.line, width});
    add({shifted(job.partial, static_cast<std::size_t>(job.line)), job.elements(), job.slots, 1, 1, 1, 1});
  }
  return all;
}

// Their places, in the same order.
template <typename T>
void list_places(const GradientSums<T>& sums, const Target<T>& target, T** to) {
  const Parameters<T>& gradient = target.gradient;
  int l = 0, table = 0;
  const auto add_layer = [&] {
    *to++ = gradient.weights[l];
    *to++ = gradient.biases[l++];
  };
  while (l < sums.matrices.jobs) add_layer();
  for (int i = 0; i < sums.streams.jobs; ++i) {
    if (sums.streams.job[i].merged) {
      add_layer();
    } else {
      *to++ = target.tables.sums[table++];
    }
  }
}

// gradient = J^T u of a chunk's points for each of the targets, or += that; tables likewise. The u are rows
// of `scale`, `stride` elements apart, or ones where that is null.
template <typename T>
void sum_gradients(Queue& queue, const JetProblem<T>& problem, const Fields<const T>& c, GradientSums<T> sums,
                   const T* scale, std::size_t stride, const std::vector<Target<T>>& targets, bool add) {
  Reductions<T> reductions = reductions_of(sums, problem.network);
  for (const Target<T>& target : targets) list_places(sums, target, reductions.to[reductions.vectors++]);
  reductions.add = add;
  sums.matrices.points = sums.streams.points = static_cast<int>(problem.points.count);
  sums.matrices.vectors = sums.streams.vectors = reductions.vectors;
  sums.matrices.scale = sums.streams.scale = scale;
  sums.matrices.scale_stride = sums.streams.scale_stride = stride;
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
