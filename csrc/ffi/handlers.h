// Declarations of the handlers, as XLA's C interface wants them.
#pragma once

#include "xla/ffi/api/ffi.h"

XLA_FFI_DECLARE_HANDLER_SYMBOL(transjet_null_cpu);
XLA_FFI_DECLARE_HANDLER_SYMBOL(transjet_jet_forward_cpu);
XLA_FFI_DECLARE_HANDLER_SYMBOL(transjet_jet_tangent_cpu);
XLA_FFI_DECLARE_HANDLER_SYMBOL(transjet_jet_cotangent_cpu);
XLA_FFI_DECLARE_HANDLER_SYMBOL(transjet_gauss_newton_cpu);
XLA_FFI_DECLARE_HANDLER_SYMBOL(transjet_jacobian_factors_cpu);
XLA_FFI_DECLARE_HANDLER_SYMBOL(transjet_ode_transport_cpu);
XLA_FFI_DECLARE_HANDLER_SYMBOL(transjet_gram_cpu);
XLA_FFI_DECLARE_HANDLER_SYMBOL(transjet_cholesky_solve_cpu);
XLA_FFI_DECLARE_HANDLER_SYMBOL(transjet_triton_launch_cuda);
