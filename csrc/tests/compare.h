// Results against what is expected of them, on every instruction set.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "cpu/dispatch.h"
#include "cpu/run.h"
#include "tests/calls.h"
#include "tests/check.h"

namespace transjet::testing {

inline bool verbose = false;  // prints errors that pass, too

// Numbers that are compared on one scale each: one field, one layer's weights.
using Parts = std::vector<std::vector<long double>>;

template <typename T>
constexpr const char* element_name() {
  return sizeof(T) == sizeof(float) ? "float" : "double";
}

// Errors are relative to 1 + the largest number of a part, in units of epsilon.
template <typename T>
void check_close(const std::vector<T>& results, const Parts& expected, double tolerance,
                 const std::string& what) {
  double worst = 0;
  std::size_t worst_part = 0, at = 0, size = 0;
  for (const auto& part : expected) size += part.size();
  check(results.size() == size, (what + ": as many results as expected").c_str(), __FILE__, __LINE__);
  if (results.size() != size) return;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    long double scale = 1;
    for (const long double x : expected[i]) scale = std::fmax(scale, 1 + std::fabs(x));
    for (const long double x : expected[i]) {
      const auto error =
          static_cast<double>(std::fabs(results[at++] - x) / scale / std::numeric_limits<T>::epsilon());
      if (error <= worst) continue;
      worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
      worst_part = i;
    }
  }
  const std::string text = what + " (" + element_name<T>() + ", " + cpu::selected_isa() + "): error " +
                           std::to_string(worst) + " epsilon in part " + std::to_string(worst_part);
  if (verbose) std::printf("%s\n", text.c_str());
  check(worst <= tolerance, text.c_str(), __FILE__, __LINE__);
}

template <typename T>
bool same_bits(const std::vector<T>& x, const std::vector<T>& y) {
  return x.size() == y.size() && (x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof(T)) == 0);
}

// Calls body() with every instruction set that this processor has in use.
template <typename Body>
void with_every_isa(Body&& body) {
  for (const std::string& name : cpu::supported_isas()) {
    TRANSJET_CHECK(cpu::select_isa(name));
    body();
  }
  TRANSJET_CHECK(cpu::select_isa(""));
}

// The results of one call on a pool; checks that nothing else was written.
template <typename T>
std::vector<T> results_of(Operation operation, const Residual& residual, Pool& pool,
                          std::size_t misalignment = 1) {
  Call<T> call(operation, residual, misalignment);
  call.run(
      [&](const auto& kernel, const auto& parts) { cpu::run(kernel, parts, residual.samples[0].n, pool); });
  TRANSJET_CHECK(call.intact());
  return call.results();
}

template <typename T>
std::vector<T> results_of(Operation operation, const Residual& residual) {
  Serial pool;
  return results_of<T>(operation, residual, pool);
}

}  // namespace transjet::testing
