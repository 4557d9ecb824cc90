#include "ffi/terms.h"

#include <algorithm>

namespace transjet::ffi {

template <typename T>
TermsOfSizes<T>::TermsOfSizes(std::size_t points, const std::vector<TermSizes>& sizes) {
  std::size_t deepest = 0;
  for (const TermSizes& size : sizes) deepest = std::max(deepest, size.widths.size());
  activations_.assign(deepest, Activation::kIdentity);
  pointers_.assign(deepest, nullptr);
  for (const TermSizes& size : sizes) {
    cpu::Term<T> term{};
    JetProblem<T>& problem = term.problem;
    parse_jet(size.jet, problem.jet);
    problem.network = {static_cast<int>(size.widths.size()) - 1, size.widths.data(), activations_.data()};
    problem.parameters = {pointers_.data(), pointers_.data()};
    problem.points.count = points;
    problem.points.d = size.coordinates;
    problem.points.f = size.widths.front() - size.coordinates;
    problem.directions.count = size.count;
    if (size.directions == "shared") problem.directions.kind = DirectionKind::kShared;
    if (size.directions == "point") problem.directions.kind = DirectionKind::kPoint;
    problem.frozen_first = size.frozen_first;
    terms_.push_back(term);
  }
}

template class TermsOfSizes<float>;
template class TermsOfSizes<double>;

std::vector<JetSettings> term_settings(Reader& reader, const TermWords& words) {
  const auto jet = split(words.jets, ';'), activation = split(words.activations, ';'),
             direction = split(words.directions, ';');
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
