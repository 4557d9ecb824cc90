#include "cpu/null.h"

#include <algorithm>

namespace transjet::cpu {

template <typename T>
void null(Span<const T> x, Span<T> y) {
  std::copy_n(x.data(), x.size(), y.data());
}

template void null<float>(Span<const float>, Span<float>);
template void null<double>(Span<const double>, Span<double>);

}  // namespace transjet::cpu
