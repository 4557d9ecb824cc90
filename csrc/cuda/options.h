// How the kernels on a GPU multiply, and how much memory they may use.
#pragma once

#include <cstddef>

namespace transjet::cuda {

enum class Precision {
  kDefault,  // float: three products of tensor cores in tf32; double: tensor cores
  kIeee,     // float: multiply-adds of single threads; double: as above
  kBf16x3,   // float: three products in bfloat16, 16 bits of precision; double: as above
};

struct Options {
  Precision precision = Precision::kDefault;
  // Bytes that a call's workspace should stay below, whatever the number of points. What one point needs, and
  // the packed parameters, may take more.
  std::size_t workspace_limit = std::size_t{32} << 20;
  // Layer by layer even where fused kernels serve.
  bool layered = false;
};

}  // namespace transjet::cuda
