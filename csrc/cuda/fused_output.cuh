// The last layer, forward: from the streams of the last hidden layer to a jet's fields. One warp computes one
// number, each lane some of the columns.
#pragma once

#include "cuda/fused_problem.cuh"

namespace transjet::cuda {

template <typename T>
TRANSJET_DEVICE T sum_of_lanes(T value) {
  TRANSJET_UNROLL
  for (int mask = kWarpSize / 2; mask > 0; mask /= 2) value += shuffle_xor(value, mask);
  return value;
}

// This lane's part of an inner product.
template <int kWidth, typename T>
TRANSJET_DEVICE T dot(const T* a, const T* b) {
  T sum = T(0);
  TRANSJET_UNROLL
  for (int c = 0; c < kWidth; c += kWarpSize) sum += a[c + lane_index()] * b[c + lane_index()];
  return sum;
}

// Rows that meet the last layer of a network; of several such, the results are added up.
template <typename T>
struct LastRows {
  const T* rows;
  const PackedView<T>* net;
};

template <typename TileT, int kPairs>
struct Outputs {
  using T = typename TileT::T;
  const FusedProblem<T>& problem;
  LastRows<T> (&pairs)[kPairs];

  // This lane's part of <row, row `output` of the last layer's transpose>.
  TRANSJET_DEVICE T part(int row, int output) const {
    T sum = T(0);
    for (const LastRows<T>& pair : pairs) {
      sum += dot<TileT::kWidth>(pair.rows + row * TileT::kStride,
                                pair.net->backward[problem.net.depth - 1] + output * TileT::kWidth);
    }
    return sum;
  }

  TRANSJET_DEVICE T bias(int output) const {
    return pairs[kPairs - 1].net->bias[problem.net.depth - 1][output];
  }

  // One output row per stream of a scalar network.
  TRANSJET_DEVICE void scalar(const PointRange& range, const Fields<T>& result) const {
    const Shape& shape = problem.shape;
    const int streams = shape.count(), rows = range.points * streams;
    const bool coordinates = shape.tangents > 0 && problem.directions.kind == DirectionKind::kCoordinates;
    const auto d = static_cast<std::size_t>(problem.points.d);
    TRANSJET_NO_UNROLL
    for (int row = warp_index(); row < rows; row += kTileThreads / kWarpSize) {
      const T value = sum_of_lanes(part(row, 0));
      const std::size_t n = problem.begin + range.start + static_cast<std::size_t>(row / streams);
      const int s = row % streams;
      if (lane_index() != 0) continue;
      if (s == 0) {
        result.value[n] = value + bias(0);
      } else if (shape.time && s == 1) {
        result.dt[n] = value;
      } else if (shape.second && s == shape.second_row()) {
        result.second[n] = value;
      } else if (coordinates) {
        result.grad[n * d + static_cast<std::size_t>(s - shape.head())] = value;
      }
    }
  }

  // This lane's part of the divergence of point p, its value row being `row`.
  TRANSJET_DEVICE T divergence_part(std::size_t n, int row) const {
    const Shape& shape = problem.shape;
    const int d = problem.points.d;
    T sum = T(0);
    for (int k = 0; k < shape.tangents; ++k) {
      const int tangent = row + shape.head() + k;
      if (problem.net.last_tangents != nullptr) {
        for (const LastRows<T>& pair : pairs)
          sum += dot<TileT::kWidth>(pair.rows + tangent * TileT::kStride,
                                    pair.net->last_tangents + k * TileT::kWidth);
      } else {
        const std::size_t at = n * static_cast<std::size_t>(shape.tangents) + static_cast<std::size_t>(k);
        const T* direction = problem.directions.data + at * static_cast<std::size_t>(d);
        for (int i = 0; i < d; ++i) sum += direction[i] * part(tangent, i);
      }
    }
    return sum;
  }

  TRANSJET_DEVICE void vector(const PointRange& range, const Fields<T>& result) const {
    const int d = problem.points.d, numbers = range.points * (d + 1);
    TRANSJET_NO_UNROLL
    for (int i = warp_index(); i < numbers; i += kTileThreads / kWarpSize) {
      const int p = i / (d + 1), output = i % (d + 1), row = p * problem.shape.count();
      const std::size_t n = problem.begin + range.start + static_cast<std::size_t>(p);
      const T value = sum_of_lanes(output < d ? part(row, output) : divergence_part(n, row));
      if (lane_index() != 0) continue;
      if (output < d) {
        result.value[n * static_cast<std::size_t>(d) + static_cast<std::size_t>(output)] =
            value + bias(output);
      } else {
        result.second[n] = value;
      }
    }
  }

  TRANSJET_DEVICE void write(const PointRange& range, const Fields<T>& result) const {
    if (problem.jet == Jet::kDivergence) return vector(range, result);
    scalar(range, result);
  }
};

}  // namespace transjet::cuda
