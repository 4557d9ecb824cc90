#include "ffi/terms.h"

namespace transjet::ffi {

std::vector<JetSettings> term_settings(Reader& reader, std::string_view jets, std::string_view activations,
                                       std::string_view directions) {
  const auto jet = split(jets, ';'), activation = split(activations, ';'), direction = split(directions, ';');
  std::vector<JetSettings> settings;
  if (jet.empty() || activation.size() != jet.size() || direction.size() != jet.size()) {
    reader.fail(mismatch(reader.op(), "the call", "as many activations and directions as jets", jet.size(),
                         activation.size()));
    return settings;
  }
  for (std::size_t i = 0; i < jet.size(); ++i) settings.push_back({jet[i], activation[i], direction[i]});
  return settings;
}

}  // namespace transjet::ffi
