// Particles along dx/dt = rate net(x, tau(t)) by the classical Runge-Kutta method, with the integral of the
// divergence: a tile of particles goes through all steps before the next one starts, so that nothing but the
// ends of trajectories leaves the cache.
#pragma once

#include "cpu/jets.h"

namespace transjet::cpu::TRANSJET_ISA {

template <typename T>
struct OdeTransport {
  using Call = TransportCall<T>;
  static constexpr bool kSums = false;
  static constexpr int kStages = 4;

  struct Shared {
    Packed<T> packed;
  };

  struct Worker {
    Tile<T> tile;
    std::size_t capacity;
    JetProblem<T> problem;  // the network at the stage's positions
    T *x, *change;          // where the particles are, and the integral so far
    T *stage, *tau;
    Fields<T> rates;       // at the stage
    T *slope, *shrinkage;  // weighted sums of the stages' rates
  };

  static Shared share(Arena& arena, const Call& call) {
    return {pack_parameters(arena, call.problem, call.problem.parameters, Pass::kForward)};
  }

  static std::size_t capacity(const Call& call) {
    return tile_capacity_of<OdeTransport>(call, rows_of(call.problem));
  }

  static Worker lay_out(Arena& arena, const Call& call, std::size_t capacity) {
    const Points<T>& points = call.problem.points;
    const std::size_t size = capacity * static_cast<std::size_t>(points.d);
    Worker worker{};
    worker.capacity = capacity;
    const Shape shape = stream_shape(Jet::kDivergence, points.d);
    worker.tile = lay_out_tile(arena, arena, call.problem, shape, Keep::kNothing, capacity);
    worker.x = arena.take<T>(size);
    worker.change = arena.take<T>(capacity);
    worker.stage = arena.take<T>(size);
    worker.tau = arena.take<T>(capacity * static_cast<std::size_t>(points.f));
    worker.rates.value = arena.take<T>(size);
    worker.rates.second = arena.take<T>(capacity);
    worker.slope = arena.take<T>(size);
    worker.shrinkage = arena.take<T>(capacity);
    worker.problem = call.problem;
    worker.problem.points = {capacity, points.d, points.f, worker.stage, worker.tau, nullptr};
    return worker;
  }

  // Rates at the stage's positions and row `moment` of the time features.
  static void evaluate(const Call& call, const Packed<T>& packed, Worker& worker, std::size_t moment) {
    Tile<T>& tile = worker.tile;
    const auto f = static_cast<std::size_t>(call.problem.points.f);
    const T* features = call.problem.points.tau + moment * f;
    for (std::size_t i = 0; i < tile.points * f; ++i) worker.tau[i] = features[i % f];
    const PackedLayer<T>& last = packed.last();
    clear_fields(worker.rates, last.fan_out, tile.dimension, last.bias, 0, tile.points);
    load_points(tile, worker.problem, static_cast<const Fields<const T>*>(nullptr), 0);
    sweep_forward(tile, packed, call.problem.network);
    add_vector_fields(tile, read(tile.h[packed.hidden() - 1]), last, packed.last_tangents, 0, worker.rates);
  }

  static void step(const Call& call, const Packed<T>& packed, Worker& worker, std::size_t index) {
    constexpr T kReach[kStages] = {T(0), T(0.5), T(0.5), T(1)};
    constexpr T kWeight[kStages] = {T(1), T(2), T(2), T(1)};
    constexpr std::size_t kMoment[kStages] = {0, 1, 1, 2};
    const std::size_t points = worker.tile.points,
                      size = points * static_cast<std::size_t>(worker.tile.dimension);
    const T h = *call.step;
    for (int s = 0; s < kStages; ++s) {
      const bool first = s == 0;
      for (std::size_t i = 0; i < size; ++i) {
        worker.stage[i] = first ? worker.x[i] : worker.x[i] + kReach[s] * h * worker.rates.value[i];
      }
      evaluate(call, packed, worker, 2 * index + kMoment[s]);
      for (std::size_t i = 0; i < size; ++i) {
        worker.slope[i] = (first ? T(0) : worker.slope[i]) + kWeight[s] * worker.rates.value[i];
      }
      for (std::size_t i = 0; i < points; ++i) {
        worker.shrinkage[i] = (first ? T(0) : worker.shrinkage[i]) + kWeight[s] * worker.rates.second[i];
      }
    }
    for (std::size_t i = 0; i < size; ++i) worker.x[i] += h * (worker.slope[i] / T(6));
    for (std::size_t i = 0; i < points; ++i) worker.change[i] += h * (worker.shrinkage[i] / T(6));
  }

  static void run(const Call& call, const Shared& shared, Worker& worker, std::size_t begin,
                  std::size_t end) {
    const auto d = static_cast<std::size_t>(call.problem.points.d);
    for_each_tile(begin, end, worker.capacity, [&](std::size_t start, std::size_t points) {
      worker.tile.points = points;
      std::memcpy(worker.x, call.problem.points.x + start * d, points * d * sizeof(T));
      for (std::size_t i = 0; i < points; ++i) worker.change[i] = T(0);
      for (std::size_t i = 0; i < call.steps; ++i) step(call, shared.packed, worker, i);
      std::memcpy(call.end + start * d, worker.x, points * d * sizeof(T));
      std::memcpy(call.change + start, worker.change, points * sizeof(T));
    });
  }
};

}  // namespace transjet::cpu::TRANSJET_ISA
