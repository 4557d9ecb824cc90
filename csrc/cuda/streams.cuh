// Streams: the rows that a point occupies in a tile, and how those of one point and one column go through an
// activation. Order and rules are those of cpu/streams.h.
#pragma once

#include <cstddef>
#include <type_traits>

#include "core/network.h"
#include "cuda/activations.cuh"

namespace transjet::cuda {

// A point's rows: its value, the tangent in time, the second-order stream, tangents along directions in x.
struct Shape {
  int tangents;
  bool time, second;

  TRANSJET_HOST_DEVICE int head() const { return 1 + time + second; }
  TRANSJET_HOST_DEVICE int count() const { return head() + tangents; }
  TRANSJET_HOST_DEVICE int second_row() const { return 1 + time; }
};

inline Shape stream_shape(Jet jet, int directions) {
  if (jet == Jet::kGradient) return {0, true, false};
  return {directions, jet == Jet::kLaplacian, jet == Jet::kLaplacian};
}

// One column of a point's rows, `step` elements apart.
template <typename T>
struct Column {
  TRANSJET_DEVICE Column(T* data_, int step_) : data(data_), step(step_) {}
  TRANSJET_DEVICE Column(const Column<std::remove_const_t<T>>& other) : data(other.data), step(other.step) {}

  TRANSJET_DEVICE T& operator[](int row) const { return data[static_cast<std::ptrdiff_t>(row) * step]; }

  T* data;
  int step;
};

// Not deduced from arguments, so that a column that is written can be passed where one is read.
template <typename T>
struct Columns {
  using In = Column<const T>;
  using Out = Column<T>;
};

// Streams h from pre-activations z, `at` being the activation at z[0]. h may be z.
template <typename T>
TRANSJET_DEVICE void activate(const Shape& shape, const Derivatives<T>& at, typename Columns<T>::In z,
                              typename Columns<T>::Out h) {
  T squares = T(0);
  TRANSJET_NO_UNROLL
  for (int row = shape.head(); row < shape.count(); ++row) {
    const T zk = z[row];
    squares += zk * zk;
    h[row] = at.f1 * zk;
  }
  if (shape.time) h[1] = at.f1 * z[1];
  if (shape.second) h[shape.second_row()] = at.f1 * z[shape.second_row()] + at.f2 * squares;
  h[0] = at.f;
}

// Adjoints zbar of the pre-activations from the adjoints g of the streams: the transpose of the rules above.
// zbar may be g or z.
template <typename T>
TRANSJET_DEVICE void pull_back(const Shape& shape, const Derivatives<T>& at, typename Columns<T>::In z,
                               typename Columns<T>::In g, typename Columns<T>::Out zbar) {
  T inner = T(0), squares = T(0), gs = T(0);
  const T g0 = g[0];
  if (shape.time) {
    const T gt = g[1];
    inner = z[1] * gt;
    zbar[1] = at.f1 * gt;
  }
  if (shape.second) {
    const int row = shape.second_row();
    gs = g[row];
    inner += z[row] * gs;
    zbar[row] = at.f1 * gs;
  }
  const T twice = T(2) * at.f2 * gs;
  TRANSJET_NO_UNROLL
  for (int row = shape.head(); row < shape.count(); ++row) {
    const T zk = z[row], gk = g[row];
    inner += zk * gk;
    squares += zk * zk;
    zbar[row] = at.f1 * gk + twice * zk;
  }
  T value = at.f1 * g0 + at.f2 * inner;
  if (shape.second) value += at.f3 * squares * gs;
  zbar[0] = value;
}

// Derivatives hdot of the streams along a change zdot of the pre-activations. hdot may be zdot.
template <typename T>
TRANSJET_DEVICE void push_forward(const Shape& shape, const Derivatives<T>& at, typename Columns<T>::In z,
                                  typename Columns<T>::In zdot, typename Columns<T>::Out hdot) {
  const T value = zdot[0], bend = at.f2 * value;
  T squares = T(0), inner = T(0);
  TRANSJET_NO_UNROLL
  for (int row = shape.head(); row < shape.count(); ++row) {
    const T zk = z[row], dk = zdot[row];
    squares += zk * zk;
    inner += zk * dk;
    hdot[row] = at.f1 * dk + bend * zk;
  }
  if (shape.time) hdot[1] = at.f1 * zdot[1] + bend * z[1];
  if (shape.second) {
    const int row = shape.second_row();
    hdot[row] = at.f1 * zdot[row] + bend * z[row] + T(2) * at.f2 * inner + at.f3 * value * squares;
  }
  hdot[0] = at.f1 * value;
}

}  // namespace transjet::cuda
