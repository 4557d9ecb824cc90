// Loading and launching compiled kernels, on a library in the place of NVIDIA's driver (its path is the
// argument).
#include <dlfcn.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include "check.h"
#include "ffi/triton_kernels.h"
#include "ffi/triton_launch.h"

namespace transjet {
namespace {

using ffi::LaunchError;
using ffi::TritonLaunch;

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const LaunchError& error) {
    return error.text();
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

cuda::Stream stream(std::uintptr_t number) { return reinterpret_cast<cuda::Stream>(number); }

// The log of the library in the driver's place.
class Log {
 public:
  explicit Log(const char* library) {
    void* opened = dlopen(library, RTLD_NOW);
    read_ = reinterpret_cast<const char* (*)()>(dlsym(opened, "fake_driver_log"));
    clear_ = reinterpret_cast<void (*)()>(dlsym(opened, "fake_driver_clear"));
    depth_ = reinterpret_cast<int (*)()>(dlsym(opened, "fake_driver_depth"));
  }
  std::string take() const {
    const std::string text = read_();
    clear_();
    return text;
  }
  int pushed() const { return depth_(); }

 private:
  const char* (*read_)();
  void (*clear_)();
  int (*depth_)();
};

void register_text(const std::string& id, const std::string& cubin, const std::string& layout,
                   unsigned shared = 0, unsigned threads = 128) {
  ffi::register_triton_kernel(id, {cubin, "entry", layout, shared, threads});
}

// A call of a kernel without parameters.
std::string run_empty(const char* id, std::vector<std::int64_t> grid = {1, 1, 1}, std::uintptr_t number = 1) {
  return message_of([&] {
    ffi::launch({id, {grid.data(), grid.size()}, {nullptr, 0}, {nullptr, 0}, {nullptr, 0}, {}},
                stream(number));
  });
}

void libraries_that_are_no_driver_are_reported() {
  cuda::Driver functions{};
  const cuda::DriverStatus missing = cuda::open_driver("libtransjet-no-such-library.so", functions);
  TRANSJET_CHECK(missing.driver == nullptr &&
                 contains(missing.reason, "no NVIDIA driver (libtransjet-no-such"));
  const cuda::DriverStatus other = cuda::open_driver("libm.so.6", functions);
  TRANSJET_CHECK(other.driver == nullptr && contains(other.reason, "libm.so.6 lacks cuDriverGetVersion"));
  TRANSJET_CHECK(cuda::driver().driver != nullptr);
  TRANSJET_CHECK(cuda::driver().reason == "NVIDIA driver for CUDA 13.2");
}

void parameters_arrive_in_order(const Log& log) {
  ffi::register_triton_kernel("saxpy", {"FAKE saxpy pppif00", "saxpy", "pppif00", 1024, 64});
  alignas(16) float x[3] = {1, 2, 3}, y[3] = {10, 20, 30}, out[3] = {};
  const std::int64_t grid[] = {2, 3, 4}, order[] = {1, 0, 2}, integers[] = {3};
  const double reals[] = {0.5};
  log.take();
  const TritonLaunch call{"saxpy", {grid, 3}, {order, 3}, {integers, 1}, {reals, 1}, {y, x, out}};
  TRANSJET_CHECK(message_of([&] { ffi::launch(call, stream(7)); }).empty());
  TRANSJET_CHECK(out[0] == 10.5f && out[1] == 21 && out[2] == 31.5f);
  TRANSJET_CHECK(
      log.take() ==
      "load saxpy in context 7\n"
      "launch saxpy grid 2 3 4 block 64 shared 1024 stream 7 with p:set p:set p:set i:3 f:0.5 0:null "
      "0:null\n");
}

void wide_scalars_and_absent_buffers_arrive(const Log& log) {
  register_text("wide", "FAKE entry pld", "pld");
  const std::int64_t grid[] = {1, 1, 1}, order[] = {-1}, integers[] = {std::int64_t{1} << 40};
  const double reals[] = {1e300};
  log.take();
  ffi::launch({"wide", {grid, 3}, {order, 1}, {integers, 1}, {reals, 1}, {}}, stream(1));
  TRANSJET_CHECK(contains(log.take(), "with p:null l:1099511627776 d:1e+300"));
}

void calls_that_do_not_fit_are_refused(const Log& log) {
  register_text("picky", "FAKE entry pif", "pif");
  alignas(16) char buffer[64];
  const std::int64_t grid[] = {1, 1, 1}, order[] = {0}, integers[] = {1}, wide[] = {std::int64_t{1} << 31},
                     none[] = {3};
  const double reals[] = {1};
  const auto with = [&](Span<const std::int64_t> o, Span<const std::int64_t> i, Span<const double> r,
                        void* data) {
    return message_of([&] { ffi::launch({"picky", {grid, 3}, o, i, r, {data}}, stream(1)); });
  };
  log.take();
  TRANSJET_CHECK(contains(with({order, 0}, {integers, 1}, {reals, 1}, buffer), "it takes 1 buffers, got 0"));
  TRANSJET_CHECK(contains(with({order, 1}, {integers, 0}, {reals, 1}, buffer), "it takes 1 integers, got 0"));
  TRANSJET_CHECK(contains(with({order, 1}, {integers, 1}, {reals, 0}, buffer), "it takes 1 reals, got 0"));
  TRANSJET_CHECK(contains(with({none, 1}, {integers, 1}, {reals, 1}, buffer), "there is no buffer 3"));
  TRANSJET_CHECK(
      contains(with({order, 1}, {wide, 1}, {reals, 1}, buffer), "must fit 32 bits, got 2147483648"));
  TRANSJET_CHECK(contains(with({order, 1}, {integers, 1}, {reals, 1}, buffer + 4), "aligned to 16 bytes"));
  TRANSJET_CHECK(log.take().empty());
}

void grids_are_checked_and_may_be_empty(const Log& log) {
  register_text("grid", "FAKE entry", "");
  log.take();
  TRANSJET_CHECK(run_empty("grid", {4, 0, 1}).empty() && log.take().empty());
  TRANSJET_CHECK(contains(run_empty("grid", {1, 1}), "a grid must have 3 sizes, got 2"));
  TRANSJET_CHECK(contains(run_empty("grid", {1, 65536, 1}), "65536 blocks is out of range"));
  TRANSJET_CHECK(contains(run_empty("grid", {-1, 1, 1}), "-1 blocks is out of range"));
}

void a_module_is_loaded_once_per_context(const Log& log) {
  register_text("cached", "FAKE entry", "");
  register_text("cached", "BROKEN entry", "");  // the name is known: the first stays
  log.take();
  for (const std::uintptr_t number : {1, 2, 1, 2, 1})
    TRANSJET_CHECK(run_empty("cached", {1, 1, 1}, number).empty());
  const std::string text = log.take();
  TRANSJET_CHECK(count(text, "load entry in context 1") == 1 && count(text, "load entry in context 2") == 1);
  TRANSJET_CHECK(count(text, "launch entry") == 5);
}

void threads_share_one_module(const Log& log) {
  register_text("raced", "FAKE entry", "");
  log.take();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([] {
      for (int j = 0; j < 50; ++j) TRANSJET_CHECK(run_empty("raced").empty());
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = log.take();
  TRANSJET_CHECK(count(text, "load entry") == 1 && count(text, "launch entry") == 400);
}

void what_the_driver_refuses_is_said_in_words(const Log& log) {
  register_text("other", "OTHER-GPU entry", "");
  register_text("broken", "BROKEN entry", "");
  register_text("misnamed", "FAKE another", "");
  register_text("greedy", "FAKE entry", "", 300000);
  register_text("large", "FAKE entry", "", 0, 1024);
  TRANSJET_CHECK(
      contains(run_empty("other"), "was compiled for another generation of GPUs: CUDA_ERROR_NO_BINARY"));
  TRANSJET_CHECK(contains(run_empty("broken"), "cannot be loaded: CUDA_ERROR_INVALID_IMAGE"));
  TRANSJET_CHECK(contains(run_empty("misnamed"), "is not in its own module: CUDA_ERROR_NOT_FOUND"));
  log.take();
  TRANSJET_CHECK(
      contains(run_empty("greedy"), "cannot have 300000 bytes of shared memory here: CUDA_ERROR_INV"));
  TRANSJET_CHECK(contains(log.take(), "unload entry"));
  TRANSJET_CHECK(
      contains(run_empty("large"), "cannot be launched: CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES (too many"));
  TRANSJET_CHECK(contains(run_empty("large", {1, 1, 1}, 0xBAD), "the stream has no context: unknown error"));
  TRANSJET_CHECK(contains(run_empty("absent"), "kernel absent is not known in this process"));
}

void want_of_memory_is_told_from_other_errors() {
  const auto wants = [](const char* id) {
    const std::int64_t grid[] = {1, 1, 1};
    try {
      ffi::launch({id, {grid, 3}, {nullptr, 0}, {nullptr, 0}, {nullptr, 0}, {}}, stream(1));
    } catch (const LaunchError& error) {
      return error.out_of_memory() && contains(error.text(), ": CUDA_ERROR_OUT_OF_MEMORY (in other words)");
    }
    return false;
  };
  register_text("huge", "HUGE entry", "");
  ffi::register_triton_kernel("glutton", {"FAKE glutton", "glutton", "", 0, 128});
  TRANSJET_CHECK(wants("huge") && wants("glutton"));
  TRANSJET_CHECK(!wants("broken") && !wants("large") && !wants("absent"));
}

void binaries_are_checked() {
  TRANSJET_CHECK(contains(message_of([] { register_text("x", "FAKE entry", "pq"); }), "got 'pq'"));
  for (const unsigned threads : {0u, 33u, 2048u}) {
    TRANSJET_CHECK(
        contains(message_of([&] { register_text("x", "FAKE entry", "", 0, threads); }), "whole warps"));
  }
}

void all(const char* library) {
  const Log log(library);
  libraries_that_are_no_driver_are_reported();
  parameters_arrive_in_order(log);
  wide_scalars_and_absent_buffers_arrive(log);
  calls_that_do_not_fit_are_refused(log);
  grids_are_checked_and_may_be_empty(log);
  a_module_is_loaded_once_per_context(log);
  threads_share_one_module(log);
  what_the_driver_refuses_is_said_in_words(log);
  want_of_memory_is_told_from_other_errors();
  binaries_are_checked();
  TRANSJET_CHECK(log.pushed() == 0);
}

}  // namespace
}  // namespace transjet

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  setenv(transjet::cuda::kDriverVariable, argv[1], 1);
  transjet::all(argv[1]);
  return transjet::testing::result();
}
