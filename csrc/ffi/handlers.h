// Declarations of the handlers, as XLA's C interface wants them.
#pragma once

#include "xla/ffi/api/ffi.h"

XLA_FFI_DECLARE_HANDLER_SYMBOL(transjet_null_cpu);
