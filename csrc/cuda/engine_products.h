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
  Factors<T> factors;
  GradientSums<T> sums;
};

template <typename T>
struct ProductSpace {
  std::vector<TermSpace<T>> terms;
  std::vector<PackedView<T>> changes;    // [vectors][terms]
  std::vector<TangentTables<T>> tables;  // likewise
  T* row_sums;
};

template <typename T>
std::size_t slot_bytes(const Term<T>& term, const TermSpace<T>& space, int capacity) {
  Workspace slots;
  take_sums(slots, term.problem, space.packed, space.factors, capacity);
  return slots.used();
}

template <typename T>
ProductSpace<T> take_products(Workspace& workspace, int terms, const Term<T>* term, int changes, int vectors,
                              int capacity, const Options& options) {
  ProductSpace<T> space{};
  std::size_t slots = 0, rows = 0;
  for (int i = 0; i < terms; ++i) {
    TermSpace<T>& own = space.terms.emplace_back();
    const JetProblem<T>& problem = term[i].problem;
    own.pad = pad_for_factors(problem, options);
    own.packed = take_packed(workspace, problem, own.pad);
    own.factors = take_factors(workspace, problem, own.packed, own.pad == 0, capacity);
    slots = std::max(slots, slot_bytes(term[i], own, capacity));
    if (changes > 0) rows = std::max(rows, contraction_elements(problem, own.packed, capacity));
  }
  char* shared = workspace.take<char>(slots);
  for (int i = 0; i < terms; ++i) {
    Workspace own(shared);
    TermSpace<T>& of = space.terms[static_cast<std::size_t>(i)];
    of.sums = take_sums(own, term[i].problem, of.packed, of.factors, capacity);
  }
  for (int k = 0; k < vectors * terms; ++k) {
    const JetProblem<T>& problem = term[k % terms].problem;
    const TermSpace<T>& own = space.terms[static_cast<std::size_t>(k % terms)];
    if (k < changes * terms) space.changes.push_back(take_packed(workspace, problem, own.pad));
    space.tables.push_back(take_tables(workspace, problem, own.packed));
  }
  space.row_sums = workspace.take<T>(rows);
  return space;
}

template <typename T>
ProductSpace<T> lay_out(Workspace& workspace, const CotangentCall<T>& call, int capacity,
                        const Options& options) {
  const Term<T> term{call.problem, call.cotangent};
  return take_products(workspace, 1, &term, 0, 1, capacity, options);
}
template <typename T>
ProductSpace<T> lay_out(Workspace& workspace, const GaussNewtonCall<T>& call, int capacity,
                        const Options& options) {
  return take_products(workspace, call.terms, call.term, call.vectors, call.vectors, capacity, options);
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
  for (int l = 0; l < network.depth; ++l) {
    const int rows = network.widths[l], columns = network.widths[l + 1];
    all.job[all.jobs++] = Reduction<T>{nullptr, 0, 0, rows, columns, columns, gradient.weights[l], columns};
    all.job[all.jobs++] = Reduction<T>{nullptr, 0, 0, 1, columns, columns, gradient.biases[l], columns};
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
    sum_gradient<T>(queue, chunk.problem, chunk.coefficients, own.sums, nullptr, space.tables[0],
                    call.gradient, begin > 0);
  });
  finish_gradient(queue, all, space.tables[0], own.packed, call.gradient);
}

template <typename T>
void pack_all(Queue& queue, const GaussNewtonCall<T>& call, const ProductSpace<T>& space) {
  for (int i = 0; i < call.terms; ++i) {
    const JetProblem<T>& problem = call.term[i].problem;
    queue.add(
        pack(problem, problem.parameters, space.terms[static_cast<std::size_t>(i)].packed, queue.stream()));
  }
  for (std::size_t k = 0; k < space.changes.size(); ++k) {
    const JetProblem<T>& problem = call.term[k % space.terms.size()].problem;
    queue.add(pack(problem, call.vector[k], space.changes[k], queue.stream()));
  }
}

// u of a chunk and one vector: every network's part of J v goes in before it is weighted.
template <typename T>
void multiply_vector(Queue& queue, const GaussNewtonCall<T>& call, const ProductSpace<T>& space,
                     const std::vector<TermChunk<T>>& chunks, int vector, std::size_t begin) {
  const std::size_t at = static_cast<std::size_t>(vector) * call.term[0].problem.points.count + begin;
  const std::size_t terms = chunks.size();
  for (std::size_t i = 0; i < terms; ++i) {
    const Finish<T> finish{
        nullptr,           i == 0, i + 1 == terms, shifted(call.offset, at), shifted(call.weights, begin),
        call.weighted + at};
    add_product(queue, chunks[i].problem, space.changes[static_cast<std::size_t>(vector) * terms + i],
                chunks[i].coefficients, space.terms[i].factors, space.row_sums, finish);
  }
}

template <typename T>
void enqueue_chunk(Queue& queue, const GaussNewtonCall<T>& call, const ProductSpace<T>& space,
                   std::size_t begin, int count) {
  std::vector<TermChunk<T>> chunks;
  const std::size_t terms = space.terms.size(), n = call.term[0].problem.points.count;
  for (std::size_t i = 0; i < terms; ++i)
    chunks.push_back(factorize(queue, call.term[i], space.terms[i], begin, count));
  for (int j = 0; j < call.vectors; ++j) {
    multiply_vector(queue, call, space, chunks, j, begin);
    const T* u = call.weighted + static_cast<std::size_t>(j) * n + begin;
    for (std::size_t i = 0; i < terms; ++i) {
      const std::size_t k = static_cast<std::size_t>(j) * terms + i;
      sum_gradient(queue, chunks[i].problem, chunks[i].coefficients, space.terms[i].sums, u, space.tables[k],
                   call.product[k], begin > 0);
    }
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
