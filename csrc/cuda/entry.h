// engine.h for code that is compiled without CUDA's headers: a stream is an untyped pointer.
#pragma once

#include <cstddef>

#include "cpu/calls.h"
#include "cuda/options.h"

namespace transjet::cuda {

// CUDA's code for memory that could not be had.
inline constexpr int kOutOfMemory = 2;

// Bytes of the workspace of a call: a Forward-, Tangent-, Cotangent-, GaussNewton- or GramCall. Reads no
// arrays and needs no GPU.
template <typename Call>
std::size_t workspace_of(const Call& call, const Options& options);

// Enqueues the call on the stream, a cudaStream_t, of the current device; 0, or a code of CUDA's.
template <typename Call>
int enqueue_on(const Call& call, const Options& options, void* workspace, void* stream);

// CUDA's own words for a code.
const char* words_of(int code);

}  // namespace transjet::cuda
