// What the kernels of the cpu backend are asked to do, and the form in which each of them is a kernel.
#pragma once

#include "core/network.h"

namespace transjet::cpu {

// result = jet
template <typename T>
struct ForwardCall {
  JetProblem<T> problem;
  Fields<T> result;
};

// result = d jet / d parameters . vector
template <typename T>
struct TangentCall {
  JetProblem<T> problem;
  Parameters<const T> vector;
  Fields<T> result;
};

// gradient = (d jet / d parameters)^T cotangent
template <typename T>
struct CotangentCall {
  JetProblem<T> problem;
  Fields<const T> cotangent;
  Parameters<T> gradient;
};

// One network's contribution to a residual: a jet and the residual's derivatives with respect to the jet.
template <typename T>
struct Term {
  JetProblem<T> problem;
  Fields<const T> coefficients;
};

// Bytes in front of kept factors; the kernels do not touch them.
inline constexpr std::size_t kFactorHeader = 64;

// Everything about the Jacobian of a residual at all points that products with it need, kept for several of
// them. Opaque; of as many bytes as the kernels ask for, with the points in the order of the tiles.
template <typename T>
struct FactorsCall {
  int terms;
  const Term<T>* term;
  char* factors;
};

// J^T u with u = W (J v + offset), for several v at once, over terms at the same points. The offset is what
// columns of the Jacobian that belong to no network give to J v.
template <typename T>
struct GaussNewtonCall {
  int terms;
  const Term<T>* term;
  int vectors;
  const Parameters<const T>* vector;  // [vectors][terms]
  const T* weights;                   // (n), or null for ones
  const T* offset;                    // (vectors, n), or null for zeros
  const Parameters<T>* product;       // [vectors][terms]
  T* weighted;                        // (vectors, n): u
  const char* factors;                // of the same terms, or null: they are computed on the way
};

// result (n, n) += J J^T over terms at the same points, R at least as precise as T: products of rows are
// summed in T over a block of at most some hundred columns, and the blocks in R.
template <typename T, typename R>
struct GramCall {
  int terms;
  const Term<T>* term;
  R* result;
};

// Particles moved along dx/dt = net(x, tau) by `steps` steps of the classical Runge-Kutta method, and the
// integral of the divergence along the way. The problem is a divergence jet along the coordinates at the
// particles' starts, except that its tau has a row for the start, the middle and the end of every step, the
// end of one being the start of the next, and that there is no dtau.
template <typename T>
struct TransportCall {
  JetProblem<T> problem;
  std::size_t steps;
  const T* step;  // one number, negative to go back in time
  T* end;         // (n, d)
  T* change;      // (n)
};

// solution = (matrix + damping I)^-1 rhs, factorised and solved in float64; NaN where that matrix is not
// positive definite. Of the symmetric matrix only the lower triangle is read.
template <typename T>
struct CholeskySolveCall {
  std::size_t n;
  const T* matrix;   // (n, n)
  const T* damping;  // one number
  const T* rhs;      // (n)
  T* solution;       // (n)
};

// Bytes and points of one kernel's working memory.
struct Sizes {
  std::size_t shared;  // read-only while it runs: packed weights
  std::size_t worker;  // for each thread
  std::size_t tile;    // points that go through the network together
};

// A kernel: packs what all threads share, works on a range of points in a thread's own memory, and adds up
// what it has summed. Ranges are the caller's; sums are committed in the order of the ranges, one at a time,
// so that results do not depend on the number of threads. Memory is aligned to 64 bytes.
template <typename Call>
struct BlockKernel {
  Sizes (*sizes)(const Call&);
  void (*prepare)(const Call&, void* shared);
  void (*run)(const Call&, const void* shared, void* worker, std::size_t begin, std::size_t end);
  void (*commit)(const Call&, const void* shared,
                 void* worker);  // null where results of different points are disjoint
};

// A kernel in phases, each of them a number of independent tasks; a phase begins when the one before is done.
template <typename Call>
struct PhasedKernel {
  Sizes (*sizes)(const Call&);
  std::size_t (*prepare)(const Call&, void* shared);  // returns the number of phases
  std::size_t (*tasks)(const Call&, const void* shared, std::size_t phase);
  void (*run)(const Call&, const void* shared, void* worker, std::size_t phase, std::size_t task);
};

// The kernels compiled for one instruction set.
template <typename T>
struct KernelTable {
  BlockKernel<ForwardCall<T>> forward;
  BlockKernel<TangentCall<T>> tangent;
  BlockKernel<CotangentCall<T>> cotangent;
  BlockKernel<FactorsCall<T>> factors;
  std::size_t (*factor_bytes)(const FactorsCall<T>&);  // reads no arrays
  BlockKernel<GaussNewtonCall<T>> gauss_newton;
  BlockKernel<TransportCall<T>> ode_transport;
  PhasedKernel<GramCall<T, T>> gram;
  PhasedKernel<GramCall<T, double>> precise_gram;
  PhasedKernel<CholeskySolveCall<T>> cholesky_solve;
};

}  // namespace transjet::cpu
