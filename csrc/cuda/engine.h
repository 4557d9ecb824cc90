// The kernels on a GPU, as the handlers and the tests call them. The calls are those of the CPU kernels;
// arrays of numbers lie in the device's memory, everything else in the host's. Results are written, not added
// to.
//
// A call takes one block of working memory of workspace_bytes(), which sizes alone determine: it reads no
// arrays and needs no GPU. run() enqueues on the stream and returns 0 or a code of CUDA's; it allocates
// nothing on the device, waits for nothing, and may be captured into a graph. Results repeat bit by bit.
#pragma once

#include <cstddef>

#include "cpu/calls.h"
#include "cuda/device.cuh"
#include "cuda/options.h"

namespace transjet::cuda {

using cpu::CotangentCall;
using cpu::ForwardCall;
using cpu::GaussNewtonCall;
using cpu::GramCall;
using cpu::TangentCall;
using cpu::Term;

// What run() returns for a network of more than kMaxLayers affine layers.
inline constexpr int kInvalidCall = 1;  // cudaErrorInvalidValue

template <typename T>
std::size_t workspace_bytes(const ForwardCall<T>& call, const Options& options);
template <typename T>
std::size_t workspace_bytes(const TangentCall<T>& call, const Options& options);
template <typename T>
std::size_t workspace_bytes(const CotangentCall<T>& call, const Options& options);
template <typename T>
std::size_t workspace_bytes(const GaussNewtonCall<T>& call, const Options& options);
template <typename T, typename R>
std::size_t workspace_bytes(const GramCall<T, R>& call, const Options& options);

template <typename T>
int run(const ForwardCall<T>& call, const Options& options, void* workspace, Stream stream);
template <typename T>
int run(const TangentCall<T>& call, const Options& options, void* workspace, Stream stream);
template <typename T>
int run(const CotangentCall<T>& call, const Options& options, void* workspace, Stream stream);
template <typename T>
int run(const GaussNewtonCall<T>& call, const Options& options, void* workspace, Stream stream);
template <typename T, typename R>
int run(const GramCall<T, R>& call, const Options& options, void* workspace, Stream stream);

}  // namespace transjet::cuda
