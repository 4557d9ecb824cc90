// Which instruction set runs: chosen once, among those that were compiled and that the processor has.
#pragma once

#include <string>
#include <vector>

#include "cpu/kernel_table.h"

namespace transjet::cpu {

// Names of the instruction sets that this processor can run, best first; "baseline" is always there.
std::vector<std::string> supported_isas();

// Makes all later calls use the named set; the empty name chooses the best. False, changing nothing, if the
// processor or the build does not have it.
bool select_isa(const std::string& name);

// Name of the set in use.
std::string selected_isa();

// The kernels in use, for T float or double.
template <typename T>
const KernelTable<T>& kernels();

}  // namespace transjet::cpu
