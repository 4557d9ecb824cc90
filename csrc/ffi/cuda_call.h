// From a call whose operands have been read to kernels on XLA's stream.
#pragma once

#include <string>
#include <string_view>

#include "cuda/entry.h"
#include "ffi/reader.h"

namespace transjet::ffi {

// How a call runs: on which stream, how precisely, and in how many bytes of working memory, its last result.
struct CudaSettings {
  void* stream;
  std::string_view precision;  // in words
  std::int64_t workspace;
};

// False, setting nothing, for a name other than "default", "ieee" and "bf16x3".
bool parse_precision(std::string_view name, cuda::Precision& precision);

// Reads the workspace, which ends the call's results, and enqueues. Neither waits nor allocates.
template <typename Call>
xf::Error enqueue(Reader& reader, const Call& call, const CudaSettings& settings) {
  const std::string op(reader.op());
  cuda::Options options;
  if (!parse_precision(settings.precision, options.precision)) {
    return mismatch(op, "precision", "a known name", "such as ieee", settings.precision);
  }
  auto* memory = reader.result<std::uint8_t>("the workspace", {settings.workspace});
  if (xf::Error error = reader.finish(); error.failure()) return error;
  const std::size_t needed = cuda::workspace_of(call, options);
  if (static_cast<std::size_t>(settings.workspace) < needed) {
    return mismatch(op, "the workspace", "at least so many bytes:", needed, settings.workspace);
  }
  const int code = cuda::enqueue_on(call, options, memory, settings.stream);
  if (code == 0) return xf::Error::Success();
  const std::string text = op + ": its kernels cannot be launched: " + cuda::words_of(code);
  return code == cuda::kOutOfMemory ? out_of_memory(text) : xf::Error::Internal(text);
}

}  // namespace transjet::ffi
