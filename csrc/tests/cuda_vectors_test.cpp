// J^T W (J v + offset) for several v on a GPU, emulated, against the CPU's kernels in double; and that
// launches serve all of them at once.
#include <set>

#include "cuda/engine_run.h"
#include "tests/cuda_calls.h"

namespace transjet::testing {
namespace {

using cuda::Options;

constexpr double kTolerance = 60;  // in units of epsilon

// One more than share a launch, too.
constexpr int kCounts[] = {1, 2, 5, cuda::kMaxVectors + 1};

Residual residual_of(const std::vector<Form>& forms, int vectors, Random& random) {
  std::vector<Sample> samples;
  for (const Form& form : forms) samples.push_back(random_sample(form, {3, 1, {17, 9}, 23, 2}, random));
  return random_residual(samples, vectors, true, true, random);
}

Options options_of(bool layered, std::size_t limit) {
  Options options;
  options.layered = layered;
  options.workspace_limit = limit;
  return options;
}

template <typename T>
void is_right(const Residual& residual) {
  const Parts expected = cpu_parts_of(Operation::kGaussNewton, residual);
  for (const bool layered : {false, true}) {
    for (const std::size_t limit : {std::size_t{1} << 17, std::size_t{1} << 25}) {
      check_close(cuda_results_of<T>(Operation::kGaussNewton, residual, options_of(layered, limit)), expected,
                  kTolerance,
                  text_of(Operation::kGaussNewton, residual) + ", vectors " +
                      std::to_string(residual.vectors.size()));
    }
  }
}

void all_counts_are_right() {
  Random random(51);
  for (const int count : kCounts) {
    for (const std::vector<Form>& forms : {std::vector<Form>{kForms[1]}, {kForms[6], kForms[0]}}) {
      const Residual residual = residual_of(forms, count, random);
      is_right<float>(residual);
      is_right<double>(residual);
    }
  }
}

struct Launches {
  int all, chunks;
};

// Of a call: all that it enqueues, and its number of chunks.
Launches launches_of(const Residual& residual, const Options& options) {
  Launches launches{};
  Residual own = residual;
  Call<float> call(Operation::kGaussNewton, own, 1);
  call.run([&](const auto&, const auto& parts) {
    if constexpr (std::is_same_v<std::decay_t<decltype(parts)>, cpu::GaussNewtonCall<float>>) {
      const Workspace memory(cuda::total_bytes(parts, options), 0xff);
      cuda::Queue queue(cuda::Stream{});
      TRANSJET_CHECK(cuda::run_on(queue, parts, options, memory.data()) == 0);
      const int points = static_cast<int>(cuda::points_of(parts)),
                capacity = cuda::capacity_of(parts, options);
      launches = {queue.launches(), (points + capacity - 1) / capacity};
    }
  });
  return launches;
}

// What a chunk enqueues does not grow with the number of vectors that share launches.
void launches_are_shared() {
  Random random(52);
  const std::vector<Form> forms = {kForms[1], kForms[5]};
  for (const bool layered : {false, true}) {
    // A vector more is packed for either network, and may have a table of tangents to be added at the end.
    const Options whole = options_of(layered, std::size_t{1} << 25), parts = options_of(layered, 1 << 17);
    std::set<int> of_chunk, of_vector;
    int before = 0;
    for (const int count : {1, 2, 5, cuda::kMaxVectors}) {
      const Residual residual = residual_of(forms, count, random);
      const Launches one = launches_of(residual, whole), several = launches_of(residual, parts);
      TRANSJET_CHECK(one.chunks == 1 && several.chunks > 1);
      TRANSJET_CHECK((several.all - one.all) % (several.chunks - 1) == 0);
      of_chunk.insert((several.all - one.all) / (several.chunks - 1));
      if (count > 1) of_vector.insert((one.all - before) / (count - 1));
      if (count == 1) before = one.all;
    }
    TRANSJET_CHECK(of_chunk.size() == 1);
    TRANSJET_CHECK(of_vector.size() == 1 && *of_vector.begin() >= 2 && *of_vector.begin() <= 4);
  }
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  all_counts_are_right();
  launches_are_shared();
  return result();
}
