#include "cpu/dispatch.h"

#include <atomic>

namespace transjet::cpu {
namespace {

struct Row {
  const char* name;
  bool (*supported)();
  const KernelTable<float>& (*single)();
  const KernelTable<double>& (*twice)();
};

#if defined(TRANSJET_HAS_AVX2) || defined(TRANSJET_HAS_AVX512)
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif
#if defined(TRANSJET_HAS_AVX512)
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif
bool always() { return true; }

constexpr Row kRows[] = {
// best first
#if defined(TRANSJET_HAS_AVX512)
    {"avx512", has_avx512, avx512::kernel_table<float>, avx512::kernel_table<double>},
#endif
#if defined(TRANSJET_HAS_AVX2)
    {"avx2", has_avx2, avx2::kernel_table<float>, avx2::kernel_table<double>},
#endif
    {"baseline", always, baseline::kernel_table<float>, baseline::kernel_table<double>},
};

const Row* best() {
  for (const Row& row : kRows) {
    if (row.supported()) return &row;
  }
  return nullptr;  // not reached: the last row is always supported
}

std::atomic<const Row*>& selected() {
  static std::atomic<const Row*> row{best()};
  return row;
}

}  // namespace

std::vector<std::string> supported_isas() {
  std::vector<std::string> names;
  for (const Row& row : kRows) {
    if (row.supported()) names.emplace_back(row.name);
  }
  return names;
}

bool select_isa(const std::string& name) {
  if (name.empty()) {
    selected() = best();
    return true;
  }
  for (const Row& row : kRows) {
    if (name == row.name && row.supported()) {
      selected() = &row;
      return true;
    }
  }
  return false;
}

std::string selected_isa() { return selected().load()->name; }

template <>
const KernelTable<float>& kernels<float>() {
  return selected().load()->single();
}

template <>
const KernelTable<double>& kernels<double>() {
  return selected().load()->twice();
}

}  // namespace transjet::cpu
