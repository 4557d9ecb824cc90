// The entry points of engine.h, for the files that instantiate them.
#pragma once

#include "cuda/engine_gram.h"
#include "cuda/engine_jets.h"
#include "cuda/engine_products.h"

namespace transjet::cuda {

template <typename T>
std::size_t points_of(const GaussNewtonCall<T>& call) {
  return call.term[0].problem.points.count;
}
template <typename T, typename R>
std::size_t points_of(const GramCall<T, R>& call) {
  return call.term[0].problem.points.count;
}
template <typename Call>
std::size_t points_of(const Call& call) {
  return call.problem.points.count;
}

template <typename T>
bool is_valid(const JetProblem<T>& problem) {
  return problem.network.depth >= 2 && problem.network.depth <= kMaxLayers;
}
template <typename T>
bool are_valid(int terms, const Term<T>* term) {
  return std::all_of(term, term + terms, [](const Term<T>& own) { return is_valid(own.problem); });
}
template <typename T>
bool is_valid(const GaussNewtonCall<T>& call) {
  return are_valid(call.terms, call.term);
}
template <typename T, typename R>
bool is_valid(const GramCall<T, R>& call) {
  return are_valid(call.terms, call.term);
}
template <typename Call>
bool is_valid(const Call& call) {
  return is_valid(call.problem);
}

template <typename Call>
std::size_t bytes_with(const Call& call, int capacity, const Options& options) {
  Workspace workspace;
  lay_out(workspace, call, capacity, options);
  return workspace.used();
}

template <typename Call>
int capacity_of(const Call& call, const Options& options) {
  return choose_chunk(points_of(call), options,
                      [&](int capacity) { return bytes_with(call, capacity, options); });
}

// With room to align whatever memory comes.
template <typename Call>
std::size_t total_bytes(const Call& call, const Options& options) {
  if (!is_valid(call)) return 0;
  return bytes_with(call, capacity_of(call, options), options) + Workspace::kAlignment;
}

inline void* align(void* memory) {
  const std::uintptr_t mask = Workspace::kAlignment - 1;
  return reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(memory) + mask) & ~mask);
}

template <typename Call>
int run_on(Queue& queue, const Call& call, const Options& options, void* memory) {
  if (!is_valid(call)) return kInvalidCall;
  const int capacity = capacity_of(call, options);
  Workspace workspace(align(memory));
  const auto space = lay_out(workspace, call, capacity, options);
  enqueue(queue, call, space, capacity);
  return queue.error();
}

template <typename Call>
int run_call(const Call& call, const Options& options, void* memory, Stream stream) {
  Queue queue(stream, options.precision);
  return run_on(queue, call, options, memory);
}

#define TRANSJET_ENGINE_ENTRY(Call)                                                      \
  template <typename T>                                                                  \
  std::size_t workspace_bytes(const Call<T>& call, const Options& options) {             \
    return total_bytes(call, options);                                                   \
  }                                                                                      \
  template <typename T>                                                                  \
  int run(const Call<T>& call, const Options& options, void* workspace, Stream stream) { \
    return run_call(call, options, workspace, stream);                                   \
  }

TRANSJET_ENGINE_ENTRY(ForwardCall)
TRANSJET_ENGINE_ENTRY(TangentCall)
TRANSJET_ENGINE_ENTRY(CotangentCall)
TRANSJET_ENGINE_ENTRY(GaussNewtonCall)

template <typename T, typename R>
std::size_t workspace_bytes(const GramCall<T, R>& call, const Options& options) {
  return total_bytes(call, options);
}
template <typename T, typename R>
int run(const GramCall<T, R>& call, const Options& options, void* workspace, Stream stream) {
  return run_call(call, options, workspace, stream);
}

#define TRANSJET_INSTANTIATE_ENTRY(Call, T)                             \
  template std::size_t workspace_bytes(const Call<T>&, const Options&); \
  template int run(const Call<T>&, const Options&, void*, Stream)
#define TRANSJET_INSTANTIATE_ENGINE(T)          \
  TRANSJET_INSTANTIATE_ENTRY(ForwardCall, T);   \
  TRANSJET_INSTANTIATE_ENTRY(TangentCall, T);   \
  TRANSJET_INSTANTIATE_ENTRY(CotangentCall, T); \
  TRANSJET_INSTANTIATE_ENTRY(GaussNewtonCall, T)
#define TRANSJET_INSTANTIATE_GRAM_ENTRY(T, R)                                  \
  template std::size_t workspace_bytes(const GramCall<T, R>&, const Options&); \
  template int run(const GramCall<T, R>&, const Options&, void*, Stream)

}  // namespace transjet::cuda
