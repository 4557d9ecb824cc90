// The engine's entry points in double.
#include "cuda/engine_run.h"

namespace transjet::cuda {
TRANSJET_INSTANTIATE_ENGINE(double);
TRANSJET_INSTANTIATE_GRAM_ENTRY(double, double);
}  // namespace transjet::cuda
