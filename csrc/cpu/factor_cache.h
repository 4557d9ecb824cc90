// factors: those of all points, kept for several products. Behind a header, one tile of all terms after the
// other.
#pragma once

#include "cpu/factors.h"
#include "cpu/jets.h"

namespace transjet::cpu::TRANSJET_ISA {

template <typename T>
Shape factor_shape(const JetProblem<T>& problem) {
  return stream_shape(problem.jet, problem.directions.count);
}

// Tiles of all terms; where the arenas have memory, into `tiles`.
template <typename T>
void lay_out_factors(Arena& kept, Arena& work, int terms, const Term<T>* term, std::size_t capacity,
                     Tile<T>* tiles) {
  for (int i = 0; i < terms; ++i) {
    const JetProblem<T>& problem = term[i].problem;
    const Tile<T> tile = lay_out_tile(kept, work, problem, factor_shape(problem), Keep::kAll, capacity);
    if (!work.counting()) tiles[i] = tile;
  }
}

// Points of a tile: the same with and without a cache, and for any number of vectors.
template <typename T>
std::size_t factor_capacity(int terms, const Term<T>* term) {
  std::size_t rows = 1;
  for (int i = 0; i < terms; ++i) {
    const auto count = static_cast<std::size_t>(factor_shape(term[i].problem).count());
    rows = count > rows ? count : rows;
  }
  return tile_capacity(rows, [&](std::size_t capacity) {
    Arena arena;
    lay_out_factors(arena, arena, terms, term, capacity, static_cast<Tile<T>*>(nullptr));
    return arena.used();
  });
}

template <typename T>
std::size_t kept_bytes(int terms, const Term<T>* term, std::size_t capacity) {
  Arena kept, work;
  lay_out_factors(kept, work, terms, term, capacity, static_cast<Tile<T>*>(nullptr));
  return kept.used();
}

// The tiles over the kept factors of points [index capacity, ...).
template <typename T>
void lay_out_kept_factors(int terms, const Term<T>* term, const char* factors, std::size_t capacity,
                          std::size_t index, Arena& work, Tile<T>* tiles) {
  const std::size_t step = kept_bytes(terms, term, capacity);
  Arena kept(const_cast<char*>(factors) + kFactorHeader + index * step);
  lay_out_factors(kept, work, terms, term, capacity, tiles);
}

template <typename T>
struct Factors {
  using Call = FactorsCall<T>;
  static constexpr bool kSums = false;

  struct Shared {
    Packed<T>* packed;  // [terms]
  };

  struct Worker {
    std::size_t capacity;
    Tile<T>* tiles;  // [terms]
    char* work;
  };

  static std::size_t bytes(const Call& call) {
    const std::size_t points = call.term[0].problem.points.count, tile = capacity(call);
    return kFactorHeader + (points + tile - 1) / tile * kept_bytes(call.terms, call.term, tile);
  }

  static Shared share(Arena& arena, const Call& call) {
    Shared shared{arena.take<Packed<T>>(static_cast<std::size_t>(call.terms))};
    for (int i = 0; i < call.terms; ++i) {
      const JetProblem<T>& problem = call.term[i].problem;
      const Packed<T> packed = pack_parameters(arena, problem, problem.parameters, Pass::kBoth);
      if (!arena.counting()) shared.packed[i] = packed;
    }
    return shared;
  }

  static std::size_t capacity(const Call& call) { return factor_capacity(call.terms, call.term); }

  static Worker lay_out(Arena& arena, const Call& call, std::size_t capacity) {
    Arena kept, work;
    lay_out_factors(kept, work, call.terms, call.term, capacity, static_cast<Tile<T>*>(nullptr));
    return {capacity, arena.take<Tile<T>>(static_cast<std::size_t>(call.terms)),
            arena.take<char>(work.used())};
  }

  static void run(const Call& call, const Shared& shared, Worker& worker, std::size_t begin,
                  std::size_t end) {
    for_each_tile(begin, end, worker.capacity, [&](std::size_t start, std::size_t points) {
      Arena work(worker.work);
      lay_out_kept_factors(call.terms, call.term, static_cast<const char*>(call.factors), worker.capacity,
                           start / worker.capacity, work, worker.tiles);
      for (int i = 0; i < call.terms; ++i) {
        worker.tiles[i].points = points;
        sweep_factors(worker.tiles[i], call.term[i].problem, shared.packed[i], call.term[i].coefficients,
                      start);
      }
    });
  }
};

}  // namespace transjet::cpu::TRANSJET_ISA
