#include "ffi/registry.h"

#include "ffi/handlers.h"

namespace transjet::ffi {

const std::vector<Registration>& registrations() {
  static const std::vector<Registration> rows = {
      {"transjet_null", "cpu", transjet_null_cpu},
      {"transjet_jet_forward", "cpu", transjet_jet_forward_cpu},
      {"transjet_jet_tangent", "cpu", transjet_jet_tangent_cpu},
      {"transjet_jet_cotangent", "cpu", transjet_jet_cotangent_cpu},
      {"transjet_gauss_newton", "cpu", transjet_gauss_newton_cpu},
      {"transjet_jacobian_factors", "cpu", transjet_jacobian_factors_cpu},
      {"transjet_ode_transport", "cpu", transjet_ode_transport_cpu},
      {"transjet_gram", "cpu", transjet_gram_cpu},
      {"transjet_cholesky_solve", "cpu", transjet_cholesky_solve_cpu},
      {"transjet_triton_launch", "CUDA", transjet_triton_launch_cuda},
#if defined(TRANSJET_CUDA_KERNELS)
      {"transjet_jet_forward", "CUDA", transjet_jet_forward_cuda},
      {"transjet_jet_tangent", "CUDA", transjet_jet_tangent_cuda},
      {"transjet_jet_cotangent", "CUDA", transjet_jet_cotangent_cuda},
      {"transjet_gauss_newton", "CUDA", transjet_gauss_newton_cuda},
      {"transjet_gram", "CUDA", transjet_gram_cuda},
#endif
  };
  return rows;
}

}  // namespace transjet::ffi
