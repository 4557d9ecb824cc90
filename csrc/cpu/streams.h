// Streams: the rows that a point occupies in a tile, and how they go through an activation.
//
// A point carries its value, up to two more head rows (the tangent in time; the second-order stream), and
// `tangents` rows, one a direction in x. With z the pre-activations and f the activation at z_0:
//
//   value     h_0 = f(z_0)
//   tangent   h_k = f' z_k                      (time likewise)
//   second    h_s = f' z_s + f'' sum_k z_k^2    (forward Laplacian, arXiv 2307.08214; time is not in the sum)
#pragma once

#include "cpu/activations.h"
#include "cpu/panels.h"

namespace transjet::cpu::TRANSJET_ISA {

struct Shape {
  int tangents;
  bool time, second;

  int head() const { return 1 + time + second; }
  int count() const { return head() + tangents; }
  int second_row() const { return 1 + time; }
};

// Pre-activations of one panel. Head rows and tangents lie apart in the first layer, where the tangents may
// be the same for all points (step 0).
template <typename T>
struct Rows {
  const T* head;
  std::size_t head_step;  // elements from point to point
  const T* tangents;
  std::size_t tangent_step;
};

// f', f'', f''' of one panel: three rows a point.
template <typename T>
inline constexpr std::size_t kSlopeStep = 3 * static_cast<std::size_t>(kPanel<T>);

template <typename T>
TRANSJET_INLINE std::size_t row_of(int row) {
  return static_cast<std::size_t>(row) * static_cast<std::size_t>(kPanel<T>);
}

#define TRANSJET_EACH_VECTOR _Pragma("GCC unroll 2") for (int v = 0; v < V; ++v)

// Values h = f(z) of one panel, rows `z_step` and `h_step` elements apart, and the slopes. V vectors are
// real.
template <Activation A, typename T, int V>
void activate_values(std::size_t points, const T* z, std::size_t z_step, const T* bias, T* h,
                     std::size_t h_step, T* slopes) {
  Vec<T> shift[V];
  TRANSJET_EACH_VECTOR shift[v] = load(bias + v * kLanes<T>);
  for (std::size_t p = 0; p < points; ++p, z += z_step, h += h_step, slopes += kSlopeStep<T>) {
    TRANSJET_EACH_VECTOR {
      const Derivatives<T> at = derivatives<A, T>(load(z + v * kLanes<T>) + shift[v]);
      store(h + v * kLanes<T>, at.f);
      store(slopes + v * kLanes<T>, at.f1);
      store(slopes + kPanel<T> + v * kLanes<T>, at.f2);
      store(slopes + 2 * kPanel<T> + v * kLanes<T>, at.f3);
    }
  }
}

// The other streams h of one panel (points x shape.count() rows), which are linear in z once the slopes are
// known.
template <typename T, int V>
void activate_others(const Shape& shape, std::size_t points, const Rows<T>& z, const T* slopes, T* h) {
  const std::size_t step = row_of<T>(shape.count()), second = row_of<T>(shape.second_row());
  for (std::size_t p = 0; p < points; ++p, h += step, slopes += kSlopeStep<T>) {
    const T* head = z.head + p * z.head_step;
    const T* tangent = z.tangents + p * z.tangent_step;
    Vec<T> f1[V], squares[V];
    TRANSJET_EACH_VECTOR {
      f1[v] = load(slopes + v * kLanes<T>);
      squares[v] = Vec<T>{};
    }
    T* out = h + row_of<T>(shape.head());
    for (int k = 0; k < shape.tangents; ++k, tangent += kPanel<T>, out += kPanel<T>) {
      TRANSJET_EACH_VECTOR {
        const Vec<T> zk = load(tangent + v * kLanes<T>);
        squares[v] = zk * zk + squares[v];
        store(out + v * kLanes<T>, f1[v] * zk);
      }
    }
    TRANSJET_EACH_VECTOR {
      const int at = v * kLanes<T>;
      if (shape.time) store(h + kPanel<T> + at, f1[v] * load(head + kPanel<T> + at));
      if (shape.second) {
        const Vec<T> f2 = load(slopes + kPanel<T> + at);
        store(h + second + at, f1[v] * load(head + second + at) + f2 * squares[v]);
      }
    }
  }
}

// Adjoints zbar of the pre-activations from the adjoints g of the streams: the transpose of the rules above.
// zbar may be g or, where they lie alike, the pre-activations.
template <typename T, int V>
void pull_back_panel(const Shape& shape, std::size_t points, const Rows<T>& z, const T* slopes, const T* g,
                     T* zbar) {
  const std::size_t step = row_of<T>(shape.count());
  const std::size_t second = row_of<T>(shape.second_row());
  for (std::size_t p = 0; p < points; ++p, g += step, zbar += step, slopes += kSlopeStep<T>) {
    const T* head = z.head + p * z.head_step;
    const T* tangent = z.tangents + p * z.tangent_step;
    Vec<T> f1[V], f2[V], f3[V], value[V], inner[V], twice[V], squares[V], gs[V];
    TRANSJET_EACH_VECTOR {
      f1[v] = load(slopes + v * kLanes<T>);
      f2[v] = load(slopes + kPanel<T> + v * kLanes<T>);
      f3[v] = load(slopes + 2 * kPanel<T> + v * kLanes<T>);
      value[v] = f1[v] * load(g + v * kLanes<T>);
      inner[v] = squares[v] = twice[v] = gs[v] = Vec<T>{};
    }
    if (shape.time) {
      TRANSJET_EACH_VECTOR {
        const Vec<T> gt = load(g + kPanel<T> + v * kLanes<T>);
        inner[v] = load(head + kPanel<T> + v * kLanes<T>) * gt;
        store(zbar + kPanel<T> + v * kLanes<T>, f1[v] * gt);
      }
    }
    if (shape.second) {
      TRANSJET_EACH_VECTOR {
        gs[v] = load(g + second + v * kLanes<T>);
        inner[v] = load(head + second + v * kLanes<T>) * gs[v] + inner[v];
        twice[v] = T(2) * f2[v] * gs[v];
        store(zbar + second + v * kLanes<T>, f1[v] * gs[v]);
      }
    }
    const T* from = g + row_of<T>(shape.head());
    T* to = zbar + row_of<T>(shape.head());
    for (int k = 0; k < shape.tangents; ++k, tangent += kPanel<T>, from += kPanel<T>, to += kPanel<T>) {
      TRANSJET_EACH_VECTOR {
        const Vec<T> zk = load(tangent + v * kLanes<T>), gk = load(from + v * kLanes<T>);
        inner[v] = zk * gk + inner[v];
        squares[v] = zk * zk + squares[v];
        store(to + v * kLanes<T>, f1[v] * gk + twice[v] * zk);
      }
    }
    TRANSJET_EACH_VECTOR {
      value[v] = f2[v] * inner[v] + value[v];
      if (shape.second) value[v] = f3[v] * squares[v] * gs[v] + value[v];
      store(zbar + v * kLanes<T>, value[v]);
    }
  }
}

// Derivatives hdot of the streams along a change zdot of the pre-activations (points x shape.count() rows;
// `bias` is the change of the bias). hdot may be zdot.
template <typename T, int V>
void push_forward_panel(const Shape& shape, std::size_t points, const Rows<T>& z, const T* slopes,
                        const T* bias, const T* zdot, T* hdot) {
  const std::size_t step = row_of<T>(shape.count());
  const std::size_t second = row_of<T>(shape.second_row());
  for (std::size_t p = 0; p < points; ++p, zdot += step, hdot += step, slopes += kSlopeStep<T>) {
    const T* head = z.head + p * z.head_step;
    const T* tangent = z.tangents + p * z.tangent_step;
    TRANSJET_EACH_VECTOR {
      const int at = v * kLanes<T>;
      const Vec<T> f1 = load(slopes + at), f2 = load(slopes + kPanel<T> + at),
                   f3 = load(slopes + 2 * kPanel<T> + at);
      const Vec<T> value = load(zdot + at) + load(bias + at), bend = f2 * value;
      store(hdot + at, f1 * value);
      if (shape.time) {
        store(hdot + kPanel<T> + at, f1 * load(zdot + kPanel<T> + at) + bend * load(head + kPanel<T> + at));
      }
      Vec<T> squares{}, inner{};
      std::size_t row = row_of<T>(shape.head());
      for (int k = 0; k < shape.tangents; ++k, row += static_cast<std::size_t>(kPanel<T>)) {
        const Vec<T> zk = load(tangent + row_of<T>(k) + at), dk = load(zdot + row + at);
        squares = zk * zk + squares;
        inner = zk * dk + inner;
        store(hdot + row + at, f1 * dk + bend * zk);
      }
      if (shape.second) {
        store(hdot + second + at, f1 * load(zdot + second + at) + bend * load(head + second + at) +
                                      T(2) * f2 * inner + f3 * value * squares);
      }
    }
  }
}

}  // namespace transjet::cpu::TRANSJET_ISA
