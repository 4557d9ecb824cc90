// The jets themselves and their derivatives along a change of the parameters (J v).
#pragma once

#include "cpu/gradient_jet.h"
#include "cpu/kernel.h"
#include "cpu/stream_tangent.h"

namespace transjet::cpu::TRANSJET_ISA {

// A Laplacian along given directions does not see the gradient pass by; a reverse sweep finds it.
template <typename T>
bool needs_reverse(const JetProblem<T>& problem) {
  return problem.jet == Jet::kGradient ||
         (problem.jet == Jet::kLaplacian && problem.directions.kind != DirectionKind::kCoordinates);
}

template <typename T>
bool needs_streams(const JetProblem<T>& problem) {
  return problem.jet != Jet::kGradient;
}

template <typename T>
std::size_t rows_of(const JetProblem<T>& problem) {
  if (!needs_streams(problem)) return 1;
  return static_cast<std::size_t>(stream_shape(problem.jet, problem.directions.count).count());
}

template <typename T>
struct ForwardJet {
  using Call = ForwardCall<T>;
  static constexpr bool kSums = false;

  struct Shared {
    Packed<T> packed;
  };

  struct Worker {
    Tile<T> streams;
    GradientTile<T> gradient;
    std::size_t capacity;
  };

  static Shared share(Arena& arena, const Call& call) {
    const Pass pass = needs_reverse(call.problem) ? Pass::kBoth : Pass::kForward;
    return {pack_parameters(arena, call.problem, call.problem.parameters, pass)};
  }

  static std::size_t capacity(const Call& call) {
    return tile_capacity_of<ForwardJet>(call, rows_of(call.problem));
  }

  static Worker lay_out(Arena& arena, const Call& call, std::size_t capacity) {
    const JetProblem<T>& problem = call.problem;
    Worker worker{};
    worker.capacity = capacity;
    if (needs_streams(problem)) {
      const Shape shape = stream_shape(problem.jet, problem.directions.count);
      worker.streams = lay_out_tile(arena, arena, problem, shape, Keep::kNothing, capacity);
    }
    if (needs_reverse(problem)) worker.gradient = lay_out_gradient(arena, problem, Role::kForward, capacity);
    return worker;
  }

  static void run(const Call& call, const Shared& shared, Worker& worker, std::size_t begin,
                  std::size_t end) {
    const JetProblem<T>& problem = call.problem;
    const PackedLayer<T>& last = shared.packed.last();
    for_each_tile(begin, end, worker.capacity, [&](std::size_t start, std::size_t points) {
      clear_fields(call.result, last.fan_out, problem.points.d, last.bias, start, points);
      if (needs_streams(problem)) {
        Tile<T>& tile = worker.streams;
        tile.points = points;
        load_points(tile, problem, static_cast<const Fields<const T>*>(nullptr), start);
        sweep_forward(tile, shared.packed, problem.network);
        const Panels<const T> h = read(tile.h[shared.packed.hidden() - 1]);
        if (problem.jet == Jet::kDivergence) {
          add_vector_fields(tile, h, last, shared.packed.last_tangents, start, call.result);
        } else {
          add_scalar_fields(tile, h, last, start, call.result);
        }
      }
      if (needs_reverse(problem)) {
        Tile<T>& tile = worker.gradient.primal;
        tile.points = points;
        sweep_gradient(tile, problem, shared.packed, start);
        const bool alone = !needs_streams(problem);
        if (alone)
          add_scalar_fields(tile, read(tile.h[shared.packed.hidden() - 1]), last, start, call.result);
        add_gradient(tile, problem, shared.packed, start, call.result, alone);
      }
    });
  }
};

template <typename T>
struct TangentJet {
  using Call = TangentCall<T>;
  static constexpr bool kSums = false;

  struct Shared {
    Packed<T> packed, vector;
  };

  struct Worker {
    TangentTile<T> streams;
    GradientTile<T> gradient;
    std::size_t capacity;
  };

  static Shared share(Arena& arena, const Call& call) {
    const Pass pass = needs_reverse(call.problem) ? Pass::kBoth : Pass::kForward;
    return {pack_parameters(arena, call.problem, call.problem.parameters, pass),
            pack_parameters(arena, call.problem, call.vector, pass)};
  }

  static std::size_t capacity(const Call& call) {
    return tile_capacity_of<TangentJet>(call, rows_of(call.problem));
  }

  static Worker lay_out(Arena& arena, const Call& call, std::size_t capacity) {
    const JetProblem<T>& problem = call.problem;
    Worker worker{};
    worker.capacity = capacity;
    if (needs_streams(problem)) {
      const Shape shape = stream_shape(problem.jet, problem.directions.count);
      worker.streams = lay_out_tangent(arena, problem, shape, capacity);
    }
    if (needs_reverse(problem)) worker.gradient = lay_out_gradient(arena, problem, Role::kTangent, capacity);
    return worker;
  }

  static void run(const Call& call, const Shared& shared, Worker& worker, std::size_t begin,
                  std::size_t end) {
    const JetProblem<T>& problem = call.problem;
    const PackedLayer<T>&last = shared.packed.last(), &change = shared.vector.last();
    const int top = shared.packed.hidden() - 1;
    for_each_tile(begin, end, worker.capacity, [&](std::size_t start, std::size_t points) {
      clear_fields(call.result, last.fan_out, problem.points.d, change.bias, start, points);
      if (needs_streams(problem)) {
        Tile<T>& tile = worker.streams.primal;
        tile.points = points;
        load_points(tile, problem, static_cast<const Fields<const T>*>(nullptr), start);
        sweep_tangent(worker.streams, shared.packed, shared.vector, problem.network);
        const Panels<const T> h = read(tile.h[top]), hdot = read(worker.streams.hdot[top % 2]);
        if (problem.jet == Jet::kDivergence) {
          add_vector_fields(tile, hdot, last, shared.packed.last_tangents, start, call.result);
          add_vector_fields(tile, h, change, shared.vector.last_tangents, start, call.result);
        } else {
          add_scalar_fields(tile, hdot, last, start, call.result);
          add_scalar_fields(tile, h, change, start, call.result);
        }
      }
      if (needs_reverse(problem)) {
        GradientTile<T>& tile = worker.gradient;
        tile.primal.points = points;
        sweep_gradient(tile.primal, problem, shared.packed, start);
        const bool alone = !needs_streams(problem);
        add_gradient_tangent(tile, problem, shared.packed, shared.vector, start, call.result, alone);
        if (alone) {
          add_scalar_fields(tile.primal, read(tile.hdot[top]), last, start, call.result);
          add_scalar_fields(tile.primal, read(tile.primal.h[top]), change, start, call.result);
        }
      }
    });
  }
};

}  // namespace transjet::cpu::TRANSJET_ISA
