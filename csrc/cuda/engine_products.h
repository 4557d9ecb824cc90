// J^T u of a jet and J^T W (J v + offset) of a residual over all points, chunk by chunk: the factors of a
// chunk once, then everything that is made of them.
#pragma once

#include <vector>

#include "cuda/engine.h"
#include "cuda/find_factors.h"
#include "cuda/gradient_sums.h"
#include "cuda/jacobian_product.h"

namespace transjet::cuda {

// Working memory of a residual's networks. That of sums is shared: they are made one after the other.
template <typename T>
struct TermSpace {
  int pad;  // of hidden layers for the fused kernels, or 0
  PackedView<T> packed;
  T* changes;  // (vectors, change_elements): packed likewise
  std::size_t change_elements;
  Factors<T> factors;
  GradientSums<T> sums;
};

template <typename T>
struct ProductSpace {
  std::vector<TermSpace<T>> terms;
  std::vector<TangentTables<T>> tables;  // [vectors][terms]
  T* row_sums;
};

template <typename T>
std::size_t slot_bytes(const Term<T>& term, const TermSpace<T>& space, int vectors, int capacity) {
  Workspace slots;
  take_sums(slots, term.problem, space.packed, space.factors, vectors, capacity);
  return slots.used();
}

// Where the change along a vector is packed.
template <typename T>
PackedView<T> change_of(const JetProblem<T>& problem, const TermSpace<T>& space, int vector) {
  PackedView<T> view;
  const std::size_t start = static_cast<std::size_t>(vector) * space.change_elements;
  lay_out_packed(problem, space.pad, shifted(space.changes, start), view);
  return view;
}

template <typename T>
void take_changes(Workspace& workspace, const JetProblem<T>& problem, TermSpace<T>& space, int vectors) {
  PackedView<T> view;
  space.change_elements = lay_out_packed(problem, space.pad, static_cast<T*>(nullptr), view);
  space.changes = workspace.take<T>(static_cast<std::size_t>(vectors) * space.change_elements);
}

// With changes of parameters for `vectors` of J v, or without for J^T u.
template <typename T>
ProductSpace<T> take_products(Workspace& workspace, int terms, const Term<T>* term, int vectors, bool changes,
                              int capacity, const Options& options) {
  ProductSpace<T> space{};
  const int at_once = std::min(vectors, kMaxVectors);
  std::size_t slots = 0, rows = 0;
  for (int i = 0; i < terms; ++i) {
    TermSpace<T>& own = space.terms.emplace_back();
    const JetProblem<T>& problem = term[i].problem;
    own.pad = pad_for_factors(problem, options);
    own.packed = take_packed(workspace, problem, own.pad);
    own.factors = take_factors(workspace, problem, own.packed, own.pad == 0, capacity);
    slots = std::max(slots, slot_bytes(term[i], own, at_once, capacity));
    if (!changes) continue;
    take_changes(workspace, problem, own, vectors);
    rows = std::max(rows, contraction_elements(problem, own.packed, at_once, capacity));
  }
  char* shared = workspace.take<char>(slots);
  for (int i = 0; i < terms; ++i) {
    Workspace own(shared);
    TermSpace<T>& of = space.terms[static_cast<std::size_t>(i)];
    of.sums = take_sums(own, term[i].problem, of.packed, of.factors, at_once, capacity);
  }
  for (int k = 0; k < vectors * terms; ++k) {
    const TermSpace<T>& own = space.terms[static_cast<std::size_t>(k % terms)];
    space.tables.push_back(take_tables(workspace, term[k % terms].problem, own.packed));
  }
  space.row_sums = workspace.take<T>(rows);
  return space;
}

template <typename T>
ProductSpace<T> lay_out(Workspace& workspace, const CotangentCall<T>& call, int capacity,
                        const Options& options) {
  const Term<T> term{call.problem, call.cotangent};
  return take_products(workspace, 1, &term, 1, false, capacity, options);
}
template <typename T>
ProductSpace<T> lay_out(Workspace& workspace, const GaussNewtonCall<T>& call, int capacity,
                        const Options& options) {
  return take_products(workspace, call.terms, call.term, call.vectors, true, capacity, options);
}

// A chunk of a term: the factors of its points are in the workspace.
template <typename T>
struct TermChunk {
  JetProblem<T> problem;
  Fields<const T> coefficients;
};

template <typename T>
TermChunk<T> factorize(Queue& queue, const Term<T>& term, const TermSpace<T>& space, std::size_t begin,
                       int count) {
  const JetProblem<T>& all = term.problem;
  const TermChunk<T> chunk{chunk_of(all, begin, count),
                           chunk_of(term.coefficients, all.network, all.points.d, begin)};
  find_factors(queue, chunk.problem, space.packed, space.pad, chunk.coefficients, space.factors);
  return chunk;
}

// The gradient of no points.
template <typename T>
void clear_gradient(Queue& queue, const Architecture& network, const Parameters<T>& gradient) {
  Reductions<T> all{};
  all.vectors = 1;
  const auto add = [&all](T* to, int rows, int columns) {
    all.to[0][all.jobs] = to;
    all.job[all.jobs++] = {nullptr, 0, 0, rows, columns, columns, columns};
  };
  for (int l = 0; l < network.depth; ++l) {
    const int rows = network.widths[l], columns = network.widths[l + 1];
    add(gradient.weights[l], rows, columns);
    add(gradient.biases[l], 1, columns);
  }
  reduce(queue, all);
}

template <typename T>
void enqueue(Queue& queue, const CotangentCall<T>& call, const ProductSpace<T>& space, int capacity) {
  const JetProblem<T>& all = call.problem;
  if (all.points.count == 0) return clear_gradient(queue, all.network, call.gradient);
  const Term<T> term{all, call.cotangent};
  const TermSpace<T>& own = space.terms[0];
  queue.add(pack(all, all.parameters, own.packed, queue.stream()));
  for_each_chunk(all.points.count, capacity, [&](std::size_t begin, int count) {
    const TermChunk<T> chunk = factorize(queue, term, own, begin, count);
    sum_gradients<T>(queue, chunk.problem, chunk.coefficients, own.sums, nullptr, 0,
                     {{call.gradient, space.tables[0]}}, begin > 0);
  });
  finish_gradient(queue, all, space.tables[0], own.packed, call.gradient);
}

template <typename T>
void pack_all(Queue& queue, const GaussNewtonCall<T>& call, const ProductSpace<T>& space) {
  for (int i = 0; i < call.terms; ++i) {
    const JetProblem<T>& problem = call.term[i].problem;
    const TermSpace<T>& own = space.terms[static_cast<std::size_t>(i)];
    queue.add(pack(problem, problem.parameters, own.packed, queue.stream()));
    for (int j = 0; j < call.vectors; ++j)
      queue.add(pack(problem, call.vector[j * call.terms + i], change_of(problem, own, j), queue.stream()));
  }
}

// Vectors that share launches, and their u in a chunk.
template <typename T>
struct VectorGroup {
  int first, count;
  const T* offset;
  T* weighted;
  std::size_t stride;  // from one u to the next
};

template <typename T>
VectorGroup<T> vector_group(const GaussNewtonCall<T>& call, int first, std::size_t begin) {
  const std::size_t n = call.term[0].problem.points.count, at = static_cast<std::size_t>(first) * n + begin;
  return {first, std::min(kMaxVectors, call.vectors - first), shifted(call.offset, at), call.weighted + at,
          n};
}

// u of a chunk: every network's part of J v goes in before it is weighted.
template <typename T>
void multiply_vectors(Queue& queue, const ProductSpace<T>& space, const std::vector<TermChunk<T>>& chunks,
                      const VectorGroup<T>& group, const T* weights) {
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const TermSpace<T>& own = space.terms[i];
    const Changes<T> changes{change_of(chunks[i].problem, own, group.first), own.change_elements,
                             group.count};
    const Finish<T> finish{nullptr,        i == 0,      i + 1 == chunks.size(), group.offset, weights,
                           group.weighted, group.stride};
    add_product(queue, chunks[i].problem, changes, chunks[i].coefficients, own.factors, space.row_sums,
                finish);
  }
}

// J^T u of a chunk.
template <typename T>
void sum_vectors(Queue& queue, const GaussNewtonCall<T>& call, const ProductSpace<T>& space,
                 const std::vector<TermChunk<T>>& chunks, const VectorGroup<T>& group, bool add) {
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    std::vector<Target<T>> targets;
    for (int j = group.first; j < group.first + group.count; ++j) {
      const std::size_t k = static_cast<std::size_t>(j) * chunks.size() + i;
      targets.push_back({call.product[k], space.tables[k]});
    }
    sum_gradients<T>(queue, chunks[i].problem, chunks[i].coefficients, space.terms[i].sums, group.weighted,
                     group.stride, targets, add);
  }
}

template <typename T>
void enqueue_chunk(Queue& queue, const GaussNewtonCall<T>& call, const ProductSpace<T>& space,
                   std::size_t begin, int count) {
  std::vector<TermChunk<T>> chunks;
  for (std::size_t i = 0; i < space.terms.size(); ++i)
    chunks.push_back(factorize(queue, call.term[i], space.terms[i], begin, count));
  for (int first = 0; first < call.vectors; first += kMaxVectors) {
    const VectorGroup<T> group = vector_group(call, first, begin);
    multiply_vectors(queue, space, chunks, group, shifted(call.weights, begin));
    sum_vectors(queue, call, space, chunks, group, begin > 0);
  }
}

template <typename T>
void enqueue(Queue& queue, const GaussNewtonCall<T>& call, const ProductSpace<T>& space, int capacity) {
  const std::size_t n = call.term[0].problem.points.count;
  if (n > 0) pack_all(queue, call, space);
  for_each_chunk(n, capacity,
                 [&](std::size_t begin, int count) { enqueue_chunk(queue, call, space, begin, count); });
  for (std::size_t k = 0; k < space.tables.size(); ++k) {
    const std::size_t i = k % space.terms.size();
    const JetProblem<T>& problem = call.term[i].problem;
    if (n == 0) {
      clear_gradient(queue, problem.network, call.product[k]);
    } else {
      finish_gradient(queue, problem, space.tables[k], space.terms[i].packed, call.product[k]);
    }
  }
}

}  // namespace transjet::cuda
