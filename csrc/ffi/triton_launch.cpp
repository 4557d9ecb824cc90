#include "ffi/triton_launch.h"

#include <limits>

#include "ffi/triton_kernels.h"

namespace transjet::ffi {
namespace {

constexpr std::uintptr_t kAlignment = 16;  // what the kernels were compiled to rely on

// Values of the parameters in a row, and a pointer to each, as cuLaunchKernel wants them.
class Parameters {
 public:
  Parameters(const TritonLaunch& call, const TritonBinary& binary) : call_(call), binary_(binary) {
    values_.reserve(binary.layout.size());
    for (const char kind : binary.layout) add(kind);
    check_count("buffers", pointer_, call.order.size());
    check_count("integers", integer_, call.integers.size());
    check_count("reals", real_, call.reals.size());
    for (Value& value : values_) pointers_.push_back(&value);
  }

  void** pointers() { return pointers_.data(); }

 private:
  union Value {
    void* pointer;
    std::int32_t small;
    std::int64_t large;
    float single;
    double twice;
  };

  [[noreturn]] void fail(const std::string& text) const {
    throw LaunchError("kernel " + binary_.entry + ": " + text);
  }

  void check_count(const char* what, std::size_t wanted, std::size_t given) const {
    if (wanted == given) return;
    fail(std::string("it takes ") + std::to_string(wanted) + " " + what + ", got " + std::to_string(given));
  }

  // The next of `list`; zero where there are too few, which the count will tell.
  template <typename T>
  static T next(Span<const T> list, std::size_t& at) {
    const std::size_t index = at++;
    return index < list.size() ? list[index] : T{};
  }

  void* buffer() {
    const std::int64_t index = pointer_ < call_.order.size() ? next(call_.order, pointer_) : (++pointer_, -1);
    if (index == -1) return nullptr;
    if (index < 0 || static_cast<std::size_t>(index) >= call_.buffers.size()) {
      fail("there is no buffer " + std::to_string(index));
    }
    void* const data = call_.buffers[static_cast<std::size_t>(index)];
    if (reinterpret_cast<std::uintptr_t>(data) % kAlignment != 0) {
      fail("buffer " + std::to_string(index) + " must be aligned to 16 bytes");
    }
    return data;
  }

  std::int32_t small() {
    const std::int64_t value = next(call_.integers, integer_);
    if (value < std::numeric_limits<std::int32_t>::min() ||
        value > std::numeric_limits<std::int32_t>::max()) {
      fail("an integer must fit 32 bits, got " + std::to_string(value));
    }
    return static_cast<std::int32_t>(value);
  }

  void add(char kind) {
    Value value{};
    if (kind == 'p') value.pointer = buffer();
    if (kind == 'i') value.small = small();
    if (kind == 'l') value.large = next(call_.integers, integer_);
    if (kind == 'f') value.single = static_cast<float>(next(call_.reals, real_));
    if (kind == 'd') value.twice = next(call_.reals, real_);
    values_.push_back(value);
  }

  const TritonLaunch& call_;
  const TritonBinary& binary_;
  std::vector<Value> values_;
  std::vector<void*> pointers_;
  std::size_t pointer_ = 0, integer_ = 0, real_ = 0;
};

// Makes the stream's context current for as long as it lives.
class Current {
 public:
  Current(const cuda::Driver& driver, cuda::Stream stream) : driver_(driver) {
    check(driver.cuStreamGetCtx(stream, &context_), "the stream has no context");
    check(driver.cuCtxPushCurrent_v2(context_), "the stream's context cannot be used");
  }
  ~Current() {
    cuda::Context before = nullptr;
    driver_.cuCtxPopCurrent_v2(&before);
  }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

  cuda::Context context() const { return context_; }

 private:
  void check(cuda::Status status, const char* what) const {
    if (status != 0) throw LaunchError(what, driver_, status);
  }

  const cuda::Driver& driver_;
  cuda::Context context_ = nullptr;
};

// The three sizes of the grid; false if there is nothing to run.
bool read_grid(const TritonLaunch& call, unsigned (&grid)[3]) {
  if (call.grid.size() != 3)
    throw LaunchError("a grid must have 3 sizes, got " + std::to_string(call.grid.size()));
  bool any = true;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::int64_t limit = i == 0 ? std::numeric_limits<std::int32_t>::max() : 65535;
    if (call.grid[i] < 0 || call.grid[i] > limit) {
      throw LaunchError("a grid of " + std::to_string(call.grid[i]) + " blocks is out of range");
    }
    grid[i] = static_cast<unsigned>(call.grid[i]);
    any = any && grid[i] > 0;
  }
  return any;
}

}  // namespace

void launch(const TritonLaunch& call, cuda::Stream stream) {
  TritonKernel& kernel = find_triton_kernel(call.kernel);
  const TritonBinary& binary = kernel.binary();
  Parameters parameters(call, binary);
  unsigned grid[3];
  if (!read_grid(call, grid)) return;
  const cuda::DriverStatus& status = cuda::driver();
  if (status.driver == nullptr) throw LaunchError("kernel " + binary.entry + " cannot run: " + status.reason);
  const cuda::Driver& driver = *status.driver;
  const Current current(driver, stream);
  const cuda::Function function = kernel.function(driver, current.context());
  const cuda::Status launched =
      driver.cuLaunchKernel(function, grid[0], grid[1], grid[2], binary.threads, 1, 1, binary.shared_bytes,
                            stream, parameters.pointers(), nullptr);
  if (launched != 0) throw LaunchError("kernel " + binary.entry + " cannot be launched", driver, launched);
}

}  // namespace transjet::ffi
