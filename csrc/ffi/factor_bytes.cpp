#include "cpu/dispatch.h"
#include "ffi/terms.h"

namespace transjet::ffi {
namespace {

template <typename T>
std::size_t bytes_of_factors(std::size_t points, const std::vector<TermSizes>& sizes) {
  const TermsOfSizes<T> terms(points, sizes);
  return cpu::kernels<T>().factor_bytes({terms.count(), terms.terms(), nullptr});
}

}  // namespace

std::size_t factor_bytes(bool twice, std::size_t points, const std::vector<TermSizes>& terms) {
  return twice ? bytes_of_factors<double>(points, terms) : bytes_of_factors<float>(points, terms);
}

}  // namespace transjet::ffi
