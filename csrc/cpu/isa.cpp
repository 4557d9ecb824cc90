// The kernels for one instruction set and one element type: compiled once for each pair, with the compiler's
// flags and TRANSJET_ISA and TRANSJET_ELEMENT to match.
#include "cpu/cholesky_solve.h"
#include "cpu/gauss_newton.h"
#include "cpu/gram.h"
#include "cpu/jets.h"
#include "cpu/kernel_table.h"
#include "cpu/transport.h"

namespace transjet::cpu::TRANSJET_ISA {

template <>
const KernelTable<TRANSJET_ELEMENT>& kernel_table<TRANSJET_ELEMENT>() {
  using T = TRANSJET_ELEMENT;
  static constexpr KernelTable<T> kTable = {
      Kernel<ForwardJet<T>>::table(),    //
      Kernel<TangentJet<T>>::table(),    //
      Kernel<Cotangent<T>>::table(),     //
      Kernel<Factors<T>>::table(),       //
      &Factors<T>::bytes,                //
      Kernel<GaussNewton<T>>::table(),   //
      Kernel<OdeTransport<T>>::table(),  //
      Gram<T, T>::table(),               //
      Gram<T, double>::table(),          //
      CholeskySolve<T>::table(),         //
  };
  return kTable;
}

}  // namespace transjet::cpu::TRANSJET_ISA
