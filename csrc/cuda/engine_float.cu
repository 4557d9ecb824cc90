// The engine's entry points in float.
#include "cuda/engine_run.h"

namespace transjet::cuda {
TRANSJET_INSTANTIATE_ENGINE(float);
}  // namespace transjet::cuda
