// The activations that every backend knows.
#pragma once

#include <string_view>

namespace transjet {

enum class Activation { kTanh, kSin, kGelu, kSilu, kSoftplus, kIdentity };

inline constexpr int kActivations = 6;

// Parses the name that the Python layer uses; false if there is none such.
inline bool parse_activation(std::string_view name, Activation& activation) {
  constexpr std::string_view kNames[kActivations] = {"tanh", "sin", "gelu", "silu", "softplus", "identity"};
  for (int i = 0; i < kActivations; ++i) {
    if (name == kNames[i]) {
      activation = static_cast<Activation>(i);
      return true;
    }
  }
  return false;
}

}  // namespace transjet
