// Every handler that the extension offers to XLA, one row each.
#pragma once

#include <vector>

#include "xla/ffi/api/ffi.h"

namespace transjet::ffi {

struct Registration {
  const char* target;    // name in jax.ffi.ffi_call
  const char* platform;  // name in jax.ffi.register_ffi_target
  XLA_FFI_Handler* handler;
};

const std::vector<Registration>& registrations();

}  // namespace transjet::ffi
