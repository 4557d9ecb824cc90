// The three roles of a jet, from the buffers of a call.
#pragma once

#include "cpu/calls.h"
#include "ffi/jet_operands.h"

namespace transjet::ffi {

// Each reads its operands and hands `run` the call.
struct Forward {
  template <typename T, typename Run>
  xf::Error operator()(Reader& reader, const JetOperands<T>& operands, Memory, Run&& run) const {
    return run(cpu::ForwardCall<T>{operands.problem(), operands.write_fields(reader)});
  }
};

struct Tangent {
  template <typename T, typename Run>
  xf::Error operator()(Reader& reader, const JetOperands<T>& operands, Memory, Run&& run) const {
    const ParameterSets<const T> vector = operands.read_parameters(reader, 0);
    return run(cpu::TangentCall<T>{operands.problem(), vector[0], operands.write_fields(reader)});
  }
};

struct Cotangent {
  template <typename T, typename Run>
  xf::Error operator()(Reader& reader, const JetOperands<T>& operands, Memory memory, Run&& run) const {
    const Fields<const T> fields = operands.read_fields(reader);
    const ParameterSets<T> gradient = operands.write_parameters(reader, 0, memory);
    return run(cpu::CotangentCall<T>{operands.problem(), fields, gradient[0]});
  }
};

// Body of a handler of a role.
template <typename Role, typename Run>
xf::Error with_jet_call(Reader& reader, const Role& role, const JetSettings& settings, Memory memory,
                        Run&& run) {
  return in_its_type(reader, [&](auto zero) {
    const JetOperands<decltype(zero)> operands(reader, settings);
    return role(reader, operands, memory, run);
  });
}

}  // namespace transjet::ffi
