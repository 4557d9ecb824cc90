// The engine's entry points in float.
#include "cuda/engine_run.h"

namespace transjet::cuda {
TRANSJET_INSTANTIATE_ENGINE(float);
TRANSJET_INSTANTIATE_GRAM_ENTRY(float, float);
TRANSJET_INSTANTIATE_GRAM_ENTRY(float, double);
}  // namespace transjet::cuda
