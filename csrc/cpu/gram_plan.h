// The plan of gram: J J^T, layer by layer, never the whole Jacobian. For each layer the cheaper of two forms:
//
//   assembled  rows J_l[n] are put together for a block of columns, and multiplied with each other
//   factored   <J_l[n], J_l[m]> = sum_{s,s'} (H[n,s] . H[m,s']) (Zbar[n,s] . Zbar[m,s']), worth it for few
//   streams
//
// Only blocks on or above the diagonal are computed. A bias is one more input of its layer, 1 on the value
// stream.
#pragma once

#include "cpu/gauss_newton.h"
#include "cpu/jacobian_rows.h"

namespace transjet::cpu::TRANSJET_ISA {

// Columns of assembled rows that are multiplied at once: two operands of so many columns fit in the
// second-level cache.
inline constexpr int kGramColumns = 512;
// Rows of the result that one task takes.
inline constexpr std::size_t kGramRows = 4 * static_cast<std::size_t>(kBlockRows);

enum class GramStep { kSweep, kAssemble, kMultiply, kTranspose, kContract, kMirror };

template <typename T, typename R>
struct GramPlan {
  using Call = GramCall<T, R>;

  struct Phase {
    GramStep step;
    int term, layer;
    WeightRows rows;  // in the assembled form
  };

  struct Shared {
    Packed<T>* packed;  // [terms]
    Phase* phases;
    std::size_t capacity, tiles;
    char* kept;  // factors of all points, tile by tile
    std::size_t kept_step;
    T* left;            // assembled: panels of n rows
    T* right;           // transposed: per panel of points, rows of kPanel points; factored: of the streams
    T* right_adjoints;  // factored: of the adjoints
  };

  static std::size_t points(const Call& call) { return call.term[0].problem.points.count; }
  static std::size_t point_panels(const Call& call) { return (points(call) + kPanel<T> - 1) / kPanel<T>; }
  static std::size_t streams(const JetProblem<T>& problem) {
    return static_cast<std::size_t>(factor_shape(problem).count());
  }

  // Counts multiplications a pair of points; the factored form also writes and reads its S^2 products.
  static bool is_factored(const JetProblem<T>& problem, int l) {
    if (l == 0 || l == problem.network.depth - 1) return false;
    const auto in = static_cast<std::size_t>(problem.network.widths[l]);
    const auto out = static_cast<std::size_t>(problem.network.widths[l + 1]);
    const std::size_t s = streams(problem);
    return s * s * (in + out + 8) < in * out;
  }

  // Rows of a layer's weights whose columns fill a block.
  static int rows_at_once(const JetProblem<T>& problem, int l) {
    const int columns = panels_of<T>(weight_columns(problem, l)) * kPanel<T>;
    const int rows = kGramColumns / columns;
    return rows < 1 ? 1 : rows;
  }

  static std::size_t list_phases(const Call& call, Phase* phases) {
    std::size_t count = 0;
    const auto add = [&](const Phase& phase) {
      if (phases != nullptr) phases[count] = phase;
      ++count;
    };
    for (int t = 0; t < call.terms; ++t) {
      const JetProblem<T>& problem = call.term[t].problem;
      add({GramStep::kSweep, t, 0, {}});
      for (int l = problem.frozen_first ? 1 : 0; l < problem.network.depth; ++l) {
        if (is_factored(problem, l)) {
          add({GramStep::kTranspose, t, l, {}});
          add({GramStep::kContract, t, l, {}});
          continue;
        }
        const int all = weight_rows(problem, l), step = rows_at_once(problem, l);
        for (int first = 0; first < all; first += step) {
          const int rows = all - first < step ? all - first : step;
          add({GramStep::kAssemble, t, l, {first, rows}});
          add({GramStep::kMultiply, t, l, {first, rows}});
        }
      }
    }
    add({GramStep::kMirror, 0, 0, {}});
    return count;
  }

  static std::size_t tile_points(const Call& call) {
    std::size_t most = 1;
    for (int t = 0; t < call.terms; ++t)
      most = streams(call.term[t].problem) > most ? streams(call.term[t].problem) : most;
    return (kTileRows + most - 1) / most;
  }

  static Tile<T> lay_out_factors(Arena& kept, Arena& work, const Call& call, int t, std::size_t capacity) {
    const JetProblem<T>& problem = call.term[t].problem;
    return lay_out_tile(kept, work, problem, factor_shape(problem), Keep::kAll, capacity);
  }

  static Shared share(Arena& arena, const Call& call) {
    Shared shared{};
    shared.packed = arena.take<Packed<T>>(static_cast<std::size_t>(call.terms));
    shared.phases = arena.take<Phase>(list_phases(call, nullptr));
    if (!arena.counting()) list_phases(call, shared.phases);
    shared.capacity = tile_points(call);
    shared.tiles = (points(call) + shared.capacity - 1) / shared.capacity;
    std::size_t left = 0, right = 0, adjoints = 0;
    for (int t = 0; t < call.terms; ++t) {
      const JetProblem<T>& problem = call.term[t].problem;
      const Packed<T> packed = pack_parameters(arena, problem, problem.parameters, Pass::kBoth);
      if (!arena.counting()) shared.packed[t] = packed;
      Arena kept, work;
      lay_out_factors(kept, work, call, t, shared.capacity);
      shared.kept_step = kept.used() > shared.kept_step ? kept.used() : shared.kept_step;
      for (int l = 0; l < problem.network.depth; ++l) {
        const auto in = static_cast<std::size_t>(problem.network.widths[l]);
        const auto out = static_cast<std::size_t>(problem.network.widths[l + 1]);
        std::size_t columns = static_cast<std::size_t>(rows_at_once(problem, l)) *
                              panels_of<T>(weight_columns(problem, l)) * kPanel<T>;
        if (is_factored(problem, l)) {
          columns = streams(problem) * in;
          adjoints = streams(problem) * out > adjoints ? streams(problem) * out : adjoints;
        } else {
          left = columns > left ? columns : left;
        }
        right = columns > right ? columns : right;
      }
    }
    const std::size_t all = point_panels(call) * kPanel<T>;
    shared.kept = arena.take<char>(shared.kept_step * shared.tiles);
    shared.left = arena.take<T>(left * all);
    shared.right = arena.take<T>(right * all);
    shared.right_adjoints = arena.take<T>(adjoints * all);
    return shared;
  }

  struct Worker {
    T* products;  // one panel of as many rows as a tile has streams, or a task has rows
    T* others;
    R* sums;      // one panel of rows
    T* jacobian;  // one panel of some rows of a layer's weights
    char* work;   // what a tile needs beside its factors
  };

  static Worker lay_out(Arena& arena, const Call& call, std::size_t capacity) {
    std::size_t rows = kGramRows > capacity ? kGramRows : capacity, deepest = 1, work_bytes = 0;
    for (int t = 0; t < call.terms; ++t) {
      const JetProblem<T>& problem = call.term[t].problem;
      const std::size_t all = capacity * streams(problem);
      rows = all > rows ? all : rows;
      for (int l = 0; l < problem.network.depth; ++l) {
        const auto at_once = static_cast<std::size_t>(rows_at_once(problem, l));
        deepest = at_once > deepest ? at_once : deepest;
      }
      Arena kept, work;
      lay_out_factors(kept, work, call, t, capacity);
      work_bytes = work.used() > work_bytes ? work.used() : work_bytes;
    }
    return {take_panels<T>(arena, rows, 1).data, take_panels<T>(arena, rows, 1).data,
            arena.take<R>(rows * kPanel<T>), take_panels<T>(arena, deepest, 1).data,
            arena.take<char>(work_bytes)};
  }
};

}  // namespace transjet::cpu::TRANSJET_ISA
