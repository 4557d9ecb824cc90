// gram: the steps of GramPlan, and the kernel that takes them.
#pragma once

#include "cpu/gram_plan.h"

namespace transjet::cpu::TRANSJET_ISA {

template <typename T, typename R>
struct Gram : GramPlan<T, R> {
  using Plan = GramPlan<T, R>;
  using Plan::lay_out;
  using Plan::lay_out_factors;
  using Plan::list_phases;
  using Plan::point_panels;
  using Plan::points;
  using Plan::share;
  using Plan::streams;
  using typename Plan::Call;
  using typename Plan::Phase;
  using typename Plan::Shared;
  using typename Plan::Worker;

  static Tile<T> tile_of(const Call& call, const Shared& shared, const Worker& worker, int t,
                         std::size_t index) {
    Arena kept(shared.kept + index * shared.kept_step), work(worker.work);
    Tile<T> tile = lay_out_factors(kept, work, call, t, shared.capacity);
    const std::size_t left = points(call) - index * shared.capacity;
    tile.points = left < shared.capacity ? left : shared.capacity;
    return tile;
  }

  static void sweep(const Call& call, const Shared& shared, const Worker& worker, const Phase& phase,
                    std::size_t task) {
    Tile<T> tile = tile_of(call, shared, worker, phase.term, task);
    sweep_factors(tile, call.term[phase.term].problem, shared.packed[phase.term],
                  call.term[phase.term].coefficients, task * shared.capacity);
  }

  // Calls body(point, tile, first point of the tile) for the points of panel `index`.
  template <typename Body>
  static void for_each_point(const Call& call, const Shared& shared, const Worker& worker, int term,
                             std::size_t index, Body&& body) {
    std::size_t n = index * kPanel<T>;
    const std::size_t end = n + kPanel<T> < points(call) ? n + kPanel<T> : points(call);
    while (n < end) {
      const std::size_t at = n / shared.capacity;
      const Tile<T> tile = tile_of(call, shared, worker, term, at);
      for (; n < end && n < at * shared.capacity + tile.points; ++n) body(n, tile, at * shared.capacity);
    }
  }

  static std::size_t left_stride(const Call& call) { return point_panels(call) * kPanel<T> * kPanel<T>; }

  static void assemble(const Call& call, const Shared& shared, const Worker& worker, const Phase& phase,
                       std::size_t task) {
    const Term<T>& term = call.term[phase.term];
    const int panels = panels_of<T>(weight_columns(term.problem, phase.layer));
    const std::size_t stride = left_stride(call);
    for_each_point(
        call, shared, worker, phase.term, task, [&](std::size_t n, const Tile<T>& tile, std::size_t begin) {
          for (int p = 0; p < panels; ++p) {
            jacobian_panel(tile, term.problem, term.coefficients, phase.layer, begin, n - begin, phase.rows,
                           p, worker.jacobian);
            for (int i = 0; i < phase.rows.count; ++i) {
              const T* from = worker.jacobian + row_of<T>(i);
              T* to = shared.left + static_cast<std::size_t>(i * panels + p) * stride + n * kPanel<T>;
              for (int v = 0; v < 2; ++v) store(to + v * kLanes<T>, load(from + v * kLanes<T>));
            }
          }
        });
    const auto columns = static_cast<std::size_t>(phase.rows.count * panels);
    T* to = shared.right + task * columns * kPanel<T> * kPanel<T>;
    for (std::size_t c = 0; c < columns; ++c, to += kPanel<T> * kPanel<T>) {
      transpose(shared.left + c * stride + task * kPanel<T> * kPanel<T>, real_points(call, task), to);
    }
  }

  static int real_points(const Call& call, std::size_t panel) {
    const std::size_t left = points(call) - panel * kPanel<T>;
    return static_cast<int>(left < kPanel<T> ? left : kPanel<T>);
  }

  // (points, kPanel) to (kPanel, points), points past the last one zero.
  static void transpose(const T* from, int real, T* to) {
    for (int c = 0; c < kPanel<T>; ++c, to += kPanel<T>) {
      for (int r = 0; r < kPanel<T>; ++r) to[r] = r < real ? from[r * kPanel<T> + c] : T(0);
    }
  }

  static void add_to_result(const Call& call, std::size_t row, std::size_t rows, std::size_t panel,
                            const T* products) {
    const std::size_t n = points(call);
    const auto columns = static_cast<std::size_t>(real_points(call, panel));
    for (std::size_t r = 0; r < rows; ++r, products += kPanel<T>) {
      R* to = call.result + (row + r) * n + panel * kPanel<T>;
      for (std::size_t c = 0; c < columns; ++c) to[c] += static_cast<R>(products[c]);
    }
  }

  static void multiply_assembled(const Call& call, const Shared& shared, const Worker& worker,
                                 const Phase& phase, std::size_t task) {
    const int panels = panels_of<T>(weight_columns(call.term[phase.term].problem, phase.layer));
    const int columns = phase.rows.count * panels * kPanel<T>;
    const std::size_t row = task * kGramRows, left = points(call) - row,
                      rows = left < kGramRows ? left : kGramRows;
    const Panels<const T> operand{shared.left + row * kPanel<T>, left_stride(call)};
    for (std::size_t q = row / kPanel<T>; q < point_panels(call); ++q) {
      multiply(operand, rows, columns, shared.right + q * static_cast<std::size_t>(columns) * kPanel<T>, 2,
               worker.products, false);
      add_to_result(call, row, rows, q, worker.products);
    }
  }

  // Factors of a panel of points with points along the columns: per stream `width` rows.
  static void transpose_factor(const Tile<T>& tile, const Panels<T>& from, int width, std::size_t point,
                               std::size_t column, T* to) {
    const auto count = static_cast<std::size_t>(tile.shape.count());
    to += column;
    for (std::size_t s = 0; s < count; ++s) {
      for (int k = 0; k < width; ++k, to += kPanel<T>) {
        *to = from.row(k / kPanel<T>, point * count + s)[k % kPanel<T>];
      }
    }
  }

  static void transpose_factors(const Call& call, const Shared& shared, const Worker& worker,
                                const Phase& phase, std::size_t task) {
    const JetProblem<T>& problem = call.term[phase.term].problem;
    const int in = problem.network.widths[phase.layer], out = problem.network.widths[phase.layer + 1];
    T* h = shared.right + task * streams(problem) * static_cast<std::size_t>(in) * kPanel<T>;
    T* zbar = shared.right_adjoints + task * streams(problem) * static_cast<std::size_t>(out) * kPanel<T>;
    if (real_points(call, task) < kPanel<T>) {
      for (std::size_t i = 0; i < streams(problem) * static_cast<std::size_t>(in) * kPanel<T>; ++i)
        h[i] = T(0);
      for (std::size_t i = 0; i < streams(problem) * static_cast<std::size_t>(out) * kPanel<T>; ++i)
        zbar[i] = T(0);
    }
    for_each_point(call, shared, worker, phase.term, task,
                   [&](std::size_t n, const Tile<T>& tile, std::size_t begin) {
                     const std::size_t column = n - task * kPanel<T>;
                     transpose_factor(tile, tile.h[phase.layer - 1], in, n - begin, column, h);
                     transpose_factor(tile, tile.zbar[phase.layer], out, n - begin, column, zbar);
                   });
  }

  // sums[p] += sum_s a[p, s] b[p, s], with `shift` added to a's value row.
  static void contract_streams(std::size_t count, std::size_t streams, const T* a, const T* b, T shift,
                               R* sums) {
    for (std::size_t p = 0; p < count; ++p, sums += kPanel<T>) {
      Vec<T> total[2] = {shift * load(b), shift * load(b + kLanes<T>)};
      for (std::size_t s = 0; s < streams; ++s, a += kPanel<T>, b += kPanel<T>) {
        for (int v = 0; v < 2; ++v) total[v] = load(a + v * kLanes<T>) * load(b + v * kLanes<T>) + total[v];
      }
      T lanes[2 * kLanes<T>];
      std::memcpy(lanes, total, sizeof lanes);
      for (int c = 0; c < kPanel<T>; ++c) sums[c] += static_cast<R>(lanes[c]);
    }
  }

  static void contract(const Call& call, const Shared& shared, const Worker& worker, const Phase& phase,
                       std::size_t task) {
    const JetProblem<T>& problem = call.term[phase.term].problem;
    const Tile<T> tile = tile_of(call, shared, worker, phase.term, task);
    const int in = problem.network.widths[phase.layer], out = problem.network.widths[phase.layer + 1];
    const std::size_t row = task * shared.capacity, count = streams(problem), n = points(call);
    const Panels<const T> h = read(tile.h[phase.layer - 1]), zbar = read(tile.zbar[phase.layer]);
    for (std::size_t q = row / kPanel<T>; q < point_panels(call); ++q) {
      for (std::size_t i = 0; i < tile.points * kPanel<T>; ++i) worker.sums[i] = R(0);
      for (std::size_t s = 0; s < count; ++s) {
        const T* right = shared.right + (q * count + s) * static_cast<std::size_t>(in) * kPanel<T>;
        const T* adjoints =
            shared.right_adjoints + (q * count + s) * static_cast<std::size_t>(out) * kPanel<T>;
        multiply(h, tile.rows(), in, right, 2, worker.products, false);
        multiply(zbar, tile.rows(), out, adjoints, 2, worker.others, false);
        contract_streams(tile.points, count, worker.products, worker.others, s == 0 ? T(1) : T(0),
                         worker.sums);
      }
      for (std::size_t p = 0; p < tile.points; ++p) {
        R* to = call.result + (row + p) * n + q * kPanel<T>;
        for (int c = 0; c < real_points(call, q); ++c)
          to[c] += worker.sums[p * kPanel<T> + static_cast<std::size_t>(c)];
      }
    }
  }

  // Copies what is above the diagonal below it.
  static void mirror(const Call& call, std::size_t task) {
    const std::size_t n = points(call), begin = task * kGramRows,
                      end = begin + kGramRows < n ? begin + kGramRows : n;
    for (std::size_t r = begin; r < end; ++r) {
      for (std::size_t c = 0; c < r; ++c) call.result[r * n + c] = call.result[c * n + r];
    }
  }

  static Sizes sizes(const Call& call) {
    Arena shared, worker;
    shared.take<Shared>(1);
    const Shared layout = share(shared, call);
    lay_out(worker, call, layout.capacity);
    return {shared.used(), worker.used(), layout.capacity};
  }

  static std::size_t prepare(const Call& call, void* memory) {
    Arena arena(memory);
    auto* shared = arena.take<Shared>(1);
    *shared = share(arena, call);
    return list_phases(call, nullptr);
  }

  static std::size_t tasks(const Call& call, const void* memory, std::size_t phase) {
    const Shared& shared = *static_cast<const Shared*>(memory);
    switch (shared.phases[phase].step) {
      case GramStep::kSweep:
      case GramStep::kContract:
        return shared.tiles;
      case GramStep::kAssemble:
      case GramStep::kTranspose:
        return point_panels(call);
      default:
        return (points(call) + kGramRows - 1) / kGramRows;
    }
  }

  static void run(const Call& call, const void* memory, void* own, std::size_t phase, std::size_t task) {
    const Shared& shared = *static_cast<const Shared*>(memory);
    Arena arena(own);
    const Worker worker = lay_out(arena, call, shared.capacity);
    const Phase& now = shared.phases[phase];
    switch (now.step) {
      case GramStep::kSweep:
        return sweep(call, shared, worker, now, task);
      case GramStep::kAssemble:
        return assemble(call, shared, worker, now, task);
      case GramStep::kMultiply:
        return multiply_assembled(call, shared, worker, now, task);
      case GramStep::kTranspose:
        return transpose_factors(call, shared, worker, now, task);
      case GramStep::kContract:
        return contract(call, shared, worker, now, task);
      case GramStep::kMirror:
        return mirror(call, task);
    }
  }

  static constexpr PhasedKernel<Call> table() { return {&sizes, &prepare, &tasks, &run}; }
};

}  // namespace transjet::cpu::TRANSJET_ISA
