// The kernel that only copies: template of every other kernel, test of the plumbing, measure of the call
// overhead.
#pragma once

#include "core/span.h"

namespace transjet::cpu {

// y[i] = x[i]. Needs x.size() == y.size(); x and y are the same buffer or do not overlap. T is float or
// double.
template <typename T>
void null(Span<const T> x, Span<T> y);

}  // namespace transjet::cpu
