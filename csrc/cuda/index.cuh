// Numbers of elements, which 32 bits may not hold. Those of rows they do: 2^31 rows, 16 floats or more each,
// would take 128 GiB.
#pragma once

#include <cstddef>

#include "cuda/device.cuh"

namespace transjet::cuda {

// Elements before a row, where rows have `line` elements.
template <typename Row>
TRANSJET_HOST_DEVICE std::size_t offset_of(Row row, int line) {
  return static_cast<std::size_t>(row) * static_cast<std::size_t>(line);
}

// The number of this thread in the grid's first dimension.
TRANSJET_DEVICE std::size_t element_index() {
  return static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

// Where an element lies in rows of `line` elements.
struct Element {
  int row, column;
};

TRANSJET_DEVICE Element element_of(std::size_t index, int line) {
  const auto length = static_cast<std::size_t>(line);
  return {static_cast<int>(index / length), static_cast<int>(index % length)};
}

}  // namespace transjet::cuda
