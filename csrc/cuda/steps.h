// What happens between products: the steps of the layered kernels, one launch each.
#pragma once

#include "core/network.h"
#include "cuda/products.h"
#include "cuda/queue.h"
#include "cuda/streams.cuh"
#include "cuda/views.h"

namespace transjet::cuda {

// Rows of (x, tau) of a chunk's points: the value, where there is one the tangent in time, and, where points
// have their own directions, all other streams too.
template <typename T>
struct Inputs {
  Points<T> points;     // of the chunk
  const T* grad;        // with coefficients: the tangent in time moves (x, tau) along
  const T* dt;          // (c_grad, c_dt dtau); null: along (0, dtau)
  const T* directions;  // each point's own, or null
  Shape shape;
  int rows;  // a point
  T* to;
  int line;
};
template <typename T>
void load_inputs(Queue& queue, const Inputs<T>& inputs);

// A point's rows, one behind the other: `dense_rows` rows of `dense` times weights; `zeros` rows of zeros;
// and the rows of `table`, times the point's scale unless that is null.
template <typename T>
struct Expansion {
  int points;
  const T* dense;
  int dense_line, dense_rows;
  const T* weights;  // (depth, line)
  int depth;
  int zeros;
  const T* table;  // (tangents, line)
  int tangents;
  const T* scale;
  T* to;
  int line;
};
template <typename T>
void expand(Queue& queue, const Expansion<T>& expansion);

// A vector network's output weights: c_value, and with own directions c_second v_k behind it.
template <typename T>
struct OutputWeights {
  int points, d;
  const T* value;
  const T* second;
  const T* directions;  // each point's own, or null
  int count;            // of them
  T* to;
  int line;
};
template <typename T>
void load_output_weights(Queue& queue, const OutputWeights<T>& weights);

// The streams of one hidden layer.
template <typename T>
struct LayerStreams {
  Shape shape;
  int points, width, line;
  Activation activation;
  const T* bias;
};

// h may be z.
template <typename T>
void activate(Queue& queue, const LayerStreams<T>& layer, const T* z, T* h);
// zbar, the adjoints of the pre-activations z, overwrite them.
template <typename T>
void pull_back(Queue& queue, const LayerStreams<T>& layer, T* z, const T* g);
// The same and the streams' derivatives along a change of the parameters, which comes without its bias; it
// gets it in zdot. h may be z, and hdot may be zdot.
template <typename T>
void push_forward(Queue& queue, const LayerStreams<T>& layer, const T* bias_change, const T* z, T* zdot, T* h,
                  T* hdot);
// Of value streams alone: zbar = f' g and zbardot = f' gdot + f'' zdot g overwrite z and zdot.
template <typename T>
void pull_values_back(Queue& queue, const LayerStreams<T>& layer, T* z, T* zdot, const T* g, const T* gdot);

// Adjoints of a scalar network's last hidden streams: its last weights times the weight of the row's output,
// or times one where the weights have no value.
template <typename T>
void seed_scalar(Queue& queue, const LayerStreams<T>& layer, const RowWeights<T>& weights, const T* last,
                 T* g);

// Streams of the last hidden layer and what the last layer multiplies them with; the second pair, if there is
// one, is added to the first.
template <typename T>
struct LastLayer {
  Shape shape;
  int points, width, line;
  const T* h[2];
  const T* weights[2];  // of a scalar network: a row
  const T* bias;
};

template <typename T>
void scalar_outputs(Queue& queue, const LastLayer<T>& last, int d, bool coordinates, const Fields<T>& result);

// `outputs` are rows of h W, one a point or, with own directions, one a stream; `last.weights` are the
// rows that tangents are contracted with where directions are the same for all points.
template <typename T>
void vector_outputs(Queue& queue, const LastLayer<T>& last, int d, const T* outputs, int outputs_line,
                    const T* own_directions, const Fields<T>& result);

// The gradient with respect to (x, tau), a row a point, to grad and, if wanted, to dt.
template <typename T>
void gradient_outputs(Queue& queue, const Points<T>& points, const T* gradient, int line, bool with_dt,
                      const Fields<T>& result);

}  // namespace transjet::cuda
