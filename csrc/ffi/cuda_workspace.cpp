#include "ffi/cuda_workspace.h"

#include <stdexcept>

#include "ffi/cuda_call.h"

namespace transjet::ffi {
namespace {

template <typename T>
std::size_t bytes_of(const CudaCallSizes& sizes, const cuda::Options& options) {
  const TermsOfSizes<T> terms(sizes.points, sizes.terms);
  if (sizes.terms.empty()) throw std::invalid_argument("a call without terms");
  const JetProblem<T>& problem = terms.terms()->problem;
  if (sizes.target == "transjet_jet_forward") {
    return cuda::workspace_of(cpu::ForwardCall<T>{problem, {}}, options);
  }
  if (sizes.target == "transjet_jet_tangent") {
    return cuda::workspace_of(cpu::TangentCall<T>{problem, {}, {}}, options);
  }
  if (sizes.target == "transjet_jet_cotangent") {
    return cuda::workspace_of(cpu::CotangentCall<T>{problem, {}, {}}, options);
  }
  if (sizes.target == "transjet_gauss_newton") {
    const cpu::GaussNewtonCall<T> call{terms.count(), terms.terms(), sizes.vectors, nullptr, nullptr,
                                       nullptr,       nullptr,       nullptr,       nullptr};
    return cuda::workspace_of(call, options);
  }
  if (sizes.target == "transjet_gram") {
    if (sizes.precise)
      return cuda::workspace_of(cpu::GramCall<T, double>{terms.count(), terms.terms(), nullptr}, options);
    return cuda::workspace_of(cpu::GramCall<T, T>{terms.count(), terms.terms(), nullptr}, options);
  }
  throw std::invalid_argument("no kernel for CUDA is called " + sizes.target);
}

}  // namespace

std::size_t cuda_workspace_bytes(const CudaCallSizes& sizes) {
  cuda::Options options;
  if (!parse_precision(sizes.precision, options.precision)) {
    throw std::invalid_argument("no precision is called " + sizes.precision);
  }
  return sizes.twice ? bytes_of<double>(sizes, options) : bytes_of<float>(sizes, options);
}

}  // namespace transjet::ffi
