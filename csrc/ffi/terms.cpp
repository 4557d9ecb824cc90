#include "ffi/terms.h"

#include "cpu/dispatch.h"

namespace transjet::ffi {

namespace {

template <typename T>
std::size_t bytes_of_factors(std::size_t points, const std::vector<TermSizes>& sizes) {
  std::vector<cpu::Term<T>> terms;
  for (const TermSizes& size : sizes) {
    cpu::Term<T> term{};
    parse_jet(size.jet, term.problem.jet);
    term.problem.network = {static_cast<int>(size.widths.size()) - 1, size.widths.data(), nullptr};
    term.problem.points.count = points;
    term.problem.points.d = size.coordinates;
    term.problem.points.f = size.widths.front() - size.coordinates;
    term.problem.directions.count = size.count;
    if (size.directions == "shared") term.problem.directions.kind = DirectionKind::kShared;
    if (size.directions == "point") term.problem.directions.kind = DirectionKind::kPoint;
    terms.push_back(term);
  }
  return cpu::kernels<T>().factor_bytes({static_cast<int>(terms.size()), terms.data(), nullptr});
}

}  // namespace

std::size_t factor_bytes(bool twice, std::size_t points, const std::vector<TermSizes>& terms) {
  return twice ? bytes_of_factors<double>(points, terms) : bytes_of_factors<float>(points, terms);
}

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
