// The jets and their tangents over all points, chunk by chunk.
#pragma once

#include "cuda/engine.h"
#include "cuda/find_factors.h"
#include "cuda/layered_tangent.h"

namespace transjet::cuda {

// Working memory of a jet (ForwardCall) or its tangent (TangentCall).
template <typename T>
struct JetSpace {
  int pad;  // of hidden layers for the fused kernels, or 0
  PackedView<T> packed, change;
  StreamSpace<T> streams;
  ReverseSpace<T> reverse;
};

// The change of a gradient by a reverse sweep is left to the layered kernels.
template <typename T>
int pad_for_jet(const JetProblem<T>& problem, bool tangent, const Options& options) {
  if (options.layered || (tangent && needs_reverse(problem))) return 0;
  return fused_pad<T>(problem.network, needs_streams(problem) ? shape_of(problem).count() : 1, tangent);
}

template <typename T>
JetSpace<T> take_jet(Workspace& workspace, const JetProblem<T>& problem, bool tangent, int capacity,
                     const Options& options) {
  JetSpace<T> space{};
  space.pad = pad_for_jet(problem, tangent, options);
  space.packed = take_packed(workspace, problem, space.pad);
  if (tangent) space.change = take_packed(workspace, problem, space.pad);
  if (space.pad > 0) {
    for (int l = 0; needs_reverse(problem) && l < space.packed.hidden(); ++l)
      space.reverse.z[l] = take_rows<T>(workspace, capacity, 1, space.pad);
    return space;
  }
  if (needs_streams(problem))
    space.streams = take_streams(workspace, problem, space.packed, tangent, capacity);
  if (needs_reverse(problem)) space.reverse = take_reverse(workspace, space.packed, tangent, capacity);
  return space;
}

template <typename T>
JetSpace<T> lay_out(Workspace& workspace, const ForwardCall<T>& call, int capacity, const Options& options) {
  return take_jet(workspace, call.problem, false, capacity, options);
}
template <typename T>
JetSpace<T> lay_out(Workspace& workspace, const TangentCall<T>& call, int capacity, const Options& options) {
  return take_jet(workspace, call.problem, true, capacity, options);
}

template <typename T>
void forward_fused(Queue& queue, const JetProblem<T>& problem, const JetSpace<T>& space, Fields<T> result) {
  const std::size_t points = problem.points.count;
  if (needs_streams(problem)) {
    const FusedProblem<T> streams = fused_problem(problem, space.packed, shape_of(problem), 0, points);
    run_fused(queue, FusedForward<T>{streams, result});
    result.value = result.dt = nullptr;
  }
  if (!needs_reverse(problem)) return;
  const FusedProblem<T> value = fused_problem(problem, space.packed, kValueShape, 0, points);
  run_fused(queue, FusedGradient<T>{value, rows_of_layers(space.reverse.z), result});
}

template <typename T>
void enqueue(Queue& queue, const ForwardCall<T>& call, const JetSpace<T>& space, int capacity) {
  const JetProblem<T>& all = call.problem;
  if (all.points.count == 0) return;
  queue.add(pack(all, all.parameters, space.packed, queue.stream()));
  for_each_chunk(all.points.count, capacity, [&](std::size_t begin, int count) {
    const JetProblem<T> problem = chunk_of(all, begin, count);
    const Fields<T> result = chunk_of(call.result, all.network, all.points.d, begin);
    if (space.pad > 0) return forward_fused(queue, problem, space, result);
    if (needs_streams(all)) forward_streams(queue, problem, space.packed, space.streams, result);
    if (needs_reverse(all)) forward_reverse(queue, problem, space.packed, space.reverse, result);
  });
}

template <typename T>
void enqueue(Queue& queue, const TangentCall<T>& call, const JetSpace<T>& space, int capacity) {
  const JetProblem<T>& all = call.problem;
  if (all.points.count == 0) return;
  queue.add(pack(all, all.parameters, space.packed, queue.stream()));
  queue.add(pack(all, call.vector, space.change, queue.stream()));
  for_each_chunk(all.points.count, capacity, [&](std::size_t begin, int count) {
    const JetProblem<T> problem = chunk_of(all, begin, count);
    const Fields<T> result = chunk_of(call.result, all.network, all.points.d, begin);
    if (space.pad > 0) {
      const FusedProblem<T> fused =
          fused_problem(problem, space.packed, shape_of(problem), 0, problem.points.count);
      return run_fused(queue, FusedTangent<T>{fused, space.change, result});
    }
    if (needs_streams(all))
      tangent_streams(queue, problem, space.packed, space.change, space.streams, result);
    if (needs_reverse(all))
      tangent_reverse(queue, problem, space.packed, space.change, space.reverse, result);
  });
}

}  // namespace transjet::cuda
