#include "ffi/registry.h"

#include "ffi/handlers.h"

namespace transjet::ffi {

const std::vector<Registration>& registrations() {
  static const std::vector<Registration> rows = {
      {"transjet_null", "cpu", transjet_null_cpu},
  };
  return rows;
}

}  // namespace transjet::ffi
