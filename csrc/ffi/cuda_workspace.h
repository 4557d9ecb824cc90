// Working memory of the kernels on a GPU, for calls known by their sizes alone.
#pragma once

#include <string>
#include <vector>

#include "ffi/terms.h"

namespace transjet::ffi {

struct CudaCallSizes {
  std::string target;     // such as "transjet_jet_forward"
  std::string precision;  // in words
  bool twice, precise;    // float64 operands; a float64 result whatever the operands are
  std::size_t points;
  int vectors;
  std::vector<TermSizes> terms;  // one of a jet
};

// Bytes of the workspace. Throws std::invalid_argument for an unknown target or precision.
std::size_t cuda_workspace_bytes(const CudaCallSizes& sizes);

}  // namespace transjet::ffi
