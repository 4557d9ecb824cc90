// The size of a workspace, for the Python tests: they build the handlers for CUDA with the kernels in the
// emulation, and load them in XLA's CPU platform.
#include <sstream>

#include "ffi/cuda_workspace.h"

namespace {

// A line a term: jet, directions, coordinates, count of directions, frozen first (0 or 1), widths.
std::vector<transjet::ffi::TermSizes> parse_terms(const char* text) {
  std::vector<transjet::ffi::TermSizes> terms;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    transjet::ffi::TermSizes term{};
    words >> term.jet >> term.directions >> term.coordinates >> term.count >> term.frozen_first;
    for (int width = 0; words >> width;) term.widths.push_back(width);
    terms.push_back(term);
  }
  return terms;
}

}  // namespace

extern "C" std::size_t transjet_workspace_of(const char* target, const char* precision, bool twice,
                                             bool precise, std::size_t points, int vectors,
                                             const char* terms) {
  return transjet::ffi::cuda_workspace_bytes(
      {target, precision, twice, precise, points, vectors, parse_terms(terms)});
}
