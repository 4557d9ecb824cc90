// The kernels of every instruction set, by name.
#pragma once

#include "cpu/calls.h"

namespace transjet::cpu {

#define TRANSJET_DECLARE_ISA(isa)                    \
  namespace isa {                                    \
  template <typename T>                              \
  const KernelTable<T>& kernel_table();              \
  template <>                                        \
  const KernelTable<float>& kernel_table<float>();   \
  template <>                                        \
  const KernelTable<double>& kernel_table<double>(); \
  }

TRANSJET_DECLARE_ISA(baseline)
TRANSJET_DECLARE_ISA(avx2)
TRANSJET_DECLARE_ISA(avx512)

}  // namespace transjet::cpu
