// (A + damping I) x = b by a Cholesky factorisation in float64, whatever the type of the operands.
//
// A is cut into square blocks. Phase k computes block column k of the factor L, one task a block of rows:
//
//   L_ik = (A_ik - sum_{j<k} L_ij L_kj^T) L_kk^-T
//
// and the first of these tasks goes on to the diagonal block that the next phase needs, so that a phase waits
// for nothing. The right-hand side is one more row of A, which makes its row of L the solution of L y = b;
// the last phase solves L^T x = y. A matrix that is not positive definite gives NaN.
#pragma once

#include "cpu/arena.h"
#include "cpu/calls.h"
#include "cpu/gemm.h"

namespace transjet::cpu::TRANSJET_ISA {

inline constexpr std::size_t kSolveBlock = 64;

// U^T U = a for the block a (row-major, its upper triangle), in place, and the inverse of U; below the
// diagonals is nothing of use and zero.
inline void factor_block(double* a, double* inverse) {
  constexpr std::size_t n = kSolveBlock, lanes = kLanes<double>;
  for (std::size_t j = 0; j < n; ++j) {
    double* pivot = a + j * n;
    const double scale = 1.0 / __builtin_sqrt(pivot[j]);
    for (std::size_t c = j / lanes * lanes; c < n; c += lanes) store(pivot + c, scale * load(pivot + c));
    for (std::size_t i = j + 1; i < n; ++i) {
      double* row = a + i * n;
      for (std::size_t c = i / lanes * lanes; c < n; c += lanes) {
        store(row + c, load(row + c) - pivot[i] * load(pivot + c));
      }
    }
  }
  for (std::size_t i = n; i-- > 0;) {
    double* row = inverse + i * n;
    for (std::size_t c = 0; c < n; ++c) row[c] = c == i ? 1.0 : 0.0;
    for (std::size_t j = i + 1; j < n; ++j) {
      const double* below = inverse + j * n;
      for (std::size_t c = j / lanes * lanes; c < n; c += lanes) {
        store(row + c, load(row + c) - a[i * n + j] * load(below + c));
      }
    }
    for (std::size_t c = 0; c < n; ++c) row[c] /= a[i * n + i];
  }
}

template <typename T>
struct CholeskySolve {
  using Call = CholeskySolveCall<T>;
  static constexpr std::size_t kBlock = kSolveBlock;
  static constexpr int kPanelsInBlock = static_cast<int>(kBlock) / kPanel<double>;

  struct Shared {
    Panels<double> factor;  // L, and under it the row of the right-hand side
    double* right[2];       // -L_k^T for the present phase and the next one
    double* inverses;       // L_kk^-T, packed for products with it from the right
    double* solution;
  };

  struct Worker {
    double* block;  // a block of rows before it is divided by the diagonal block, in panels
    double* diagonal;
    double* inverse;
  };

  static std::size_t blocks(const Call& call) { return (call.n + kBlock - 1) / kBlock; }
  static std::size_t size(const Call& call) { return blocks(call) * kBlock; }
  // A block's row of L has one row for the right-hand side and kBlock rows otherwise.
  static std::size_t rows_of(const Call& call, std::size_t i) { return i == blocks(call) ? 1 : kBlock; }

  static Shared share(Arena& arena, const Call& call) {
    const std::size_t n = size(call), stride = (n + 1) * kPanel<double>;
    Shared shared{};
    shared.factor = {arena.take<double>(stride * (n / kPanel<double>)), stride};
    for (double*& right : shared.right) right = arena.take<double>(n * kBlock);
    shared.inverses = arena.take<double>(n * kBlock);
    shared.solution = arena.take<double>(n);
    return shared;
  }

  static Worker lay_out(Arena& arena) {
    constexpr std::size_t area = kBlock * kBlock;
    return {arena.take<double>(area), arena.take<double>(area), arena.take<double>(area)};
  }

  // `to` = kPanel elements of a row of A, of the right-hand side under it, or of padding that changes
  // nothing.
  static void load_row(const Call& call, std::size_t row, std::size_t column, double* to) {
    constexpr std::size_t width = kPanel<double>;
    const bool is_rhs = row == size(call), real = is_rhs || row < call.n;
    const std::size_t left = call.n > column && real ? call.n - column : 0,
                      count = left < width ? left : width;
    const T* from = (is_rhs ? call.rhs : call.matrix + row * call.n) + column;
    for (std::size_t c = 0; c < count; ++c) to[c] = static_cast<double>(from[c]);
    for (std::size_t c = count; c < width; ++c) to[c] = 0.0;
    if (row >= column && row < column + width && !is_rhs) {
      to[row - column] += row < call.n ? static_cast<double>(*call.damping) : 1.0;
    }
  }

  // Panels of block (i, k): what is left of it after the columns before it.
  static void reduce(const Call& call, const Shared& shared, std::size_t i, std::size_t k, double* block) {
    const std::size_t rows = rows_of(call, i), depth = k * kBlock;
    const Panels<const double> left{shared.factor.data + i * kBlock * kPanel<double>, shared.factor.stride};
    const double* right = shared.right[k % 2];
    for (int q = 0; q < kPanelsInBlock; ++q) {
      const std::size_t column = depth + static_cast<std::size_t>(q * kPanel<double>);
      for (std::size_t r = 0; r < rows; ++r) {
        load_row(call, i * kBlock + r, column, block + r * kPanel<double>);
      }
      multiply(left, rows, static_cast<int>(depth), right, 2, block, true);
      block += rows * kPanel<double>;
      right += depth * kPanel<double>;
    }
  }

  // right = -L_k^T, packed.
  static void pack_right(const Shared& shared, std::size_t k) {
    double* to = shared.right[k % 2];
    const std::size_t depth = k * kBlock;
    for (int q = 0; q < kPanelsInBlock; ++q) {
      const std::size_t first = k * kBlock + static_cast<std::size_t>(q * kPanel<double>);
      for (std::size_t j = 0; j < depth; ++j, to += kPanel<double>) {
        const double* from =
            shared.factor.row(static_cast<int>(j) / kPanel<double>, first) + j % kPanel<double>;
        for (int c = 0; c < kPanel<double>; ++c) to[c] = -from[c * kPanel<double>];
      }
    }
  }

  static void factor_diagonal(const Call& call, const Shared& shared, const Worker& worker, std::size_t k) {
    pack_right(shared, k);
    reduce(call, shared, k, k, worker.block);
    // The lower triangle of the block is the upper one of its transpose.
    for (std::size_t c = 0; c < kBlock; ++c) {
      const double* from = worker.block + c / kPanel<double> * kBlock * kPanel<double> + c % kPanel<double>;
      for (std::size_t r = 0; r < kBlock; ++r) {
        worker.diagonal[c * kBlock + r] = r < c ? 0.0 : from[r * kPanel<double>];
      }
    }
    factor_block(worker.diagonal, worker.inverse);
    pack(worker.inverse, static_cast<int>(kBlock), static_cast<int>(kBlock),
         shared.inverses + k * kBlock * kBlock);
  }

  static void solve_transposed(const Call& call, const Shared& shared) {
    const std::size_t n = size(call);
    for (std::size_t k = blocks(call); k-- > 0;) {
      alignas(kVectorBytes) double left[kBlock];
      for (int q = 0; q < kPanelsInBlock; ++q) {
        const int p = static_cast<int>(k) * kPanelsInBlock + q;
        const double* y = shared.factor.row(p, n);
        Vec<double> total[2] = {load(y), load(y + kLanes<double>)};
        for (std::size_t r = (k + 1) * kBlock; r < n; ++r) {
          const double* row = shared.factor.row(p, r);
          for (int v = 0; v < 2; ++v) total[v] -= shared.solution[r] * load(row + v * kLanes<double>);
        }
        for (int v = 0; v < 2; ++v) store(left + q * kPanel<double> + v * kLanes<double>, total[v]);
      }
      const double* inverse = shared.inverses + k * kBlock * kBlock;
      for (std::size_t r = 0; r < kBlock; ++r) {
        Vec<double> total{};
        for (int q = 0; q < kPanelsInBlock; ++q) {
          const double* row = inverse + (static_cast<std::size_t>(q) * kBlock + r) * kPanel<double>;
          for (int v = 0; v < 2; ++v) {
            total += load(row + v * kLanes<double>) * load(left + q * kPanel<double> + v * kLanes<double>);
          }
        }
        shared.solution[k * kBlock + r] = sum<double>(total);
      }
    }
    for (std::size_t i = 0; i < call.n; ++i) call.solution[i] = static_cast<T>(shared.solution[i]);
  }

  static Sizes sizes(const Call& call) {
    Arena shared, worker;
    shared.take<Shared>(1);
    share(shared, call);
    lay_out(worker);
    return {shared.used(), worker.used(), kBlock};
  }

  // The first diagonal block, a phase for every block of columns, and the transposed system.
  static std::size_t prepare(const Call& call, void* memory) {
    Arena arena(memory);
    auto* shared = arena.take<Shared>(1);
    *shared = share(arena, call);
    return blocks(call) + 2;
  }

  static std::size_t tasks(const Call& call, const void*, std::size_t phase) {
    const bool single = phase == 0 || phase > blocks(call);
    return single ? 1 : blocks(call) + 1 - phase;
  }

  static void run(const Call& call, const void* memory, void* own, std::size_t phase, std::size_t task) {
    const Shared& shared = *static_cast<const Shared*>(memory);
    Arena arena(own);
    const Worker worker = lay_out(arena);
    if (phase == 0) return factor_diagonal(call, shared, worker, 0);
    if (phase > blocks(call)) return solve_transposed(call, shared);
    const std::size_t k = phase - 1, i = phase + task, rows = rows_of(call, i);
    reduce(call, shared, i, k, worker.block);
    const Panels<const double> block{worker.block, rows * kPanel<double>};
    for (int q = 0; q < kPanelsInBlock; ++q) {
      multiply(block, rows, static_cast<int>(kBlock),
               shared.inverses + (k * kBlock + static_cast<std::size_t>(q * kPanel<double>)) * kBlock, 2,
               shared.factor.row(static_cast<int>(k) * kPanelsInBlock + q, i * kBlock), false);
    }
    if (task == 0 && i < blocks(call)) factor_diagonal(call, shared, worker, i);
  }

  static constexpr PhasedKernel<Call> table() { return {&sizes, &prepare, &tasks, &run}; }
};

}  // namespace transjet::cpu::TRANSJET_ISA
