// cotangent (J^T u of a jet) and gauss_newton (J^T W J v of a residual made of several networks): products
// with the factors of a tile, which never leave the cache.
#pragma once

#include "cpu/factor_cache.h"
#include "cpu/sums.h"

namespace transjet::cpu::TRANSJET_ISA {

template <typename T>
struct Cotangent {
  using Call = CotangentCall<T>;
  static constexpr bool kSums = true;

  struct Shared {
    Packed<T> packed;
  };

  struct Worker {
    Tile<T> tile;
    Scales<T> scales;
    Sums<T> sums;
  };

  static Shared share(Arena& arena, const Call& call) {
    return {pack_parameters(arena, call.problem, call.problem.parameters, Pass::kBoth)};
  }

  static std::size_t capacity(const Call& call) {
    const Term<T> term{call.problem, call.cotangent};
    return factor_capacity(1, &term);
  }

  static Worker lay_out(Arena& arena, const Call& call, std::size_t capacity) {
    Worker worker{};
    worker.tile = lay_out_tile(arena, arena, call.problem, factor_shape(call.problem), Keep::kAll, capacity);
    worker.scales = lay_out_scales(arena, call.problem, worker.tile);
    worker.sums = lay_out_sums(arena, call.problem, worker.tile);
    return worker;
  }

  static void run(const Call& call, const Shared& shared, Worker& worker, std::size_t begin,
                  std::size_t end) {
    clear(worker.sums);
    for_each_tile(begin, end, worker.tile.capacity, [&](std::size_t start, std::size_t points) {
      worker.tile.points = points;
      sweep_factors(worker.tile, call.problem, shared.packed, call.cotangent, start);
      add_gradient_sums(worker.tile, call.problem, shared.packed, call.cotangent, start,
                        static_cast<const T*>(nullptr), worker.scales, worker.sums);
    });
  }

  static void commit(const Call& call, const Shared&, Worker& worker) {
    add_to_gradient(call.problem, worker.sums, call.gradient);
  }
};

template <typename T>
struct GaussNewton {
  using Call = GaussNewtonCall<T>;
  static constexpr bool kSums = true;

  struct Shared {
    Packed<T>* packed;  // [terms]
    Packed<T>* vector;  // [vectors][terms]
  };

  struct Worker {
    std::size_t capacity;
    Tile<T>* tiles;     // [terms]
    char* work;         // of the tiles, where their factors are kept elsewhere
    Scales<T>* scales;  // [terms]
    Sums<T>* sums;      // [vectors][terms]
    T* partial;         // a vector a point
    T* product;         // (vectors, capacity): u
  };

  static std::size_t count(const Call& call) {
    return static_cast<std::size_t>(call.vectors) * static_cast<std::size_t>(call.terms);
  }

  static Shared share(Arena& arena, const Call& call) {
    const auto terms = static_cast<std::size_t>(call.terms);
    Shared shared{arena.take<Packed<T>>(terms), arena.take<Packed<T>>(count(call))};
    for (std::size_t i = 0; i < terms; ++i) {
      const JetProblem<T>& problem = call.term[i].problem;
      const Packed<T> packed = pack_parameters(arena, problem, problem.parameters, Pass::kBoth);
      if (!arena.counting()) shared.packed[i] = packed;
    }
    for (std::size_t i = 0; i < count(call); ++i) {
      const JetProblem<T>& problem = call.term[i % terms].problem;
      const Packed<T> vector = pack_parameters(arena, problem, call.vector[i], Pass::kForward);
      if (!arena.counting()) shared.vector[i] = vector;
    }
    return shared;
  }

  static std::size_t capacity(const Call& call) { return factor_capacity(call.terms, call.term); }

  static Worker lay_out(Arena& arena, const Call& call, std::size_t capacity) {
    const auto terms = static_cast<std::size_t>(call.terms);
    Worker worker{};
    worker.capacity = capacity;
    worker.tiles = arena.take<Tile<T>>(terms);
    worker.scales = arena.take<Scales<T>>(terms);
    worker.sums = arena.take<Sums<T>>(count(call));
    worker.partial = arena.take<T>(capacity * kLanes<T>);
    worker.product = arena.take<T>(capacity * static_cast<std::size_t>(call.vectors));
    if (call.factors == nullptr) {
      lay_out_factors(arena, arena, call.terms, call.term, capacity, worker.tiles);
    } else {
      Arena kept, work;
      lay_out_factors(kept, work, call.terms, call.term, capacity, static_cast<Tile<T>*>(nullptr));
      worker.work = arena.take<char>(work.used());
    }
    for (std::size_t i = 0; i < count(call); ++i) {
      const JetProblem<T>& problem = call.term[i % terms].problem;
      Tile<T> tile{};
      tile.shape = factor_shape(problem);
      tile.kind = problem.directions.kind;
      tile.capacity = capacity;
      if (i < terms) {
        const Scales<T> scales = lay_out_scales(arena, problem, tile);
        if (!arena.counting()) worker.scales[i] = scales;
      }
      const Sums<T> sums = lay_out_sums(arena, problem, tile);
      if (!arena.counting()) worker.sums[i] = sums;
    }
    return worker;
  }

  static void find_factors(const Call& call, const Shared& shared, Worker& worker, std::size_t start,
                           std::size_t points) {
    if (call.factors != nullptr) {
      Arena work(worker.work);
      lay_out_kept_factors(call.terms, call.term, call.factors, worker.capacity, start / worker.capacity,
                           work, worker.tiles);
    }
    for (int i = 0; i < call.terms; ++i) {
      worker.tiles[i].points = points;
      if (call.factors != nullptr) continue;
      sweep_factors(worker.tiles[i], call.term[i].problem, shared.packed[i], call.term[i].coefficients,
                    start);
    }
  }

  // u of a tile for all vectors: every network's part of J v goes in before it is weighted.
  static void multiply_vectors(const Call& call, const Shared& shared, Worker& worker, std::size_t start,
                               std::size_t points) {
    const auto terms = static_cast<std::size_t>(call.terms);
    for (std::size_t j = 0; j < static_cast<std::size_t>(call.vectors); ++j) {
      T* product = worker.product + j * worker.capacity;
      for (std::size_t p = 0; p < points; ++p) product[p] = T(0);
      for (std::size_t i = 0; i < terms; ++i) {
        add_product(worker.tiles[i], shared.vector[j * terms + i], call.term[i].coefficients, start,
                    worker.partial, product);
      }
      const std::size_t at = j * call.term[0].problem.points.count + start;
      for (std::size_t p = 0; p < points; ++p) {
        if (call.offset != nullptr) product[p] += call.offset[at + p];
        if (call.weights != nullptr) product[p] *= call.weights[start + p];
        call.weighted[at + p] = product[p];
      }
    }
  }

  static void run(const Call& call, const Shared& shared, Worker& worker, std::size_t begin,
                  std::size_t end) {
    const auto terms = static_cast<std::size_t>(call.terms);
    for (std::size_t i = 0; i < count(call); ++i) clear(worker.sums[i]);
    for_each_tile(begin, end, worker.capacity, [&](std::size_t start, std::size_t points) {
      find_factors(call, shared, worker, start, points);
      multiply_vectors(call, shared, worker, start, points);
      for (std::size_t i = 0; i < count(call); ++i) {
        const std::size_t t = i % terms;
        add_gradient_sums(worker.tiles[t], call.term[t].problem, shared.packed[t], call.term[t].coefficients,
                          start, worker.product + i / terms * worker.capacity, worker.scales[t],
                          worker.sums[i]);
      }
    });
  }

  static void commit(const Call& call, const Shared&, Worker& worker) {
    for (std::size_t i = 0; i < count(call); ++i) {
      add_to_gradient(call.term[i % static_cast<std::size_t>(call.terms)].problem, worker.sums[i],
                      call.product[i]);
    }
  }
};

}  // namespace transjet::cpu::TRANSJET_ISA
