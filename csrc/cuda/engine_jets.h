// The jets and their tangents over all points, chunk by chunk.
#pragma once

#include "cuda/engine.h"
#include "cuda/layered_tangent.h"

namespace transjet::cuda {

// Working memory of a jet (ForwardCall) or its tangent (TangentCall).
template <typename T>
struct JetSpace {
  PackedView<T> packed, change;
  StreamSpace<T> streams;
  ReverseSpace<T> reverse;
};

template <typename T>
JetSpace<T> take_jet(Workspace& workspace, const JetProblem<T>& problem, bool tangent, int capacity) {
  JetSpace<T> space{};
  space.packed = take_packed(workspace, problem);
  if (tangent) space.change = take_packed(workspace, problem);
  if (needs_streams(problem))
    space.streams = take_streams(workspace, problem, space.packed, tangent, capacity);
  if (needs_reverse(problem)) space.reverse = take_reverse(workspace, space.packed, tangent, capacity);
  return space;
}

template <typename T>
JetSpace<T> lay_out(Workspace& workspace, const ForwardCall<T>& call, int capacity) {
  return take_jet(workspace, call.problem, false, capacity);
}
template <typename T>
JetSpace<T> lay_out(Workspace& workspace, const TangentCall<T>& call, int capacity) {
  return take_jet(workspace, call.problem, true, capacity);
}

template <typename T>
void enqueue(Queue& queue, const ForwardCall<T>& call, const JetSpace<T>& space, int capacity) {
  const JetProblem<T>& all = call.problem;
  if (all.points.count == 0) return;
  queue.add(pack(all, all.parameters, space.packed, queue.stream()));
  for_each_chunk(all.points.count, capacity, [&](std::size_t begin, int count) {
    const JetProblem<T> problem = chunk_of(all, begin, count);
    const Fields<T> result = chunk_of(call.result, all.network, all.points.d, begin);
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
    if (needs_streams(all))
      tangent_streams(queue, problem, space.packed, space.change, space.streams, result);
    if (needs_reverse(all))
      tangent_reverse(queue, problem, space.packed, space.change, space.reverse, result);
  });
}

}  // namespace transjet::cuda
