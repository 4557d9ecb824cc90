// GFLOP/s of one core on fused multiply-adds that nothing holds up: independent sums in registers. Built for
// the processor it runs on; prints one number.
#include <chrono>
#include <cstdio>

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX2__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
constexpr int kSums = kBytes == 64 ? 24 : 12;
typedef ELEMENT Vector __attribute__((vector_size(kBytes)));

int main() {
  double best = 0;
  Vector sums[kSums] = {};
  for (int repetition = 0; repetition < 20; ++repetition) {
    Vector a = Vector{} + static_cast<ELEMENT>(0.5), b = Vector{} + static_cast<ELEMENT>(1e-3);
    constexpr long kSteps = 400000;
    const auto start = std::chrono::steady_clock::now();
    for (long i = 0; i < kSteps; ++i) {
#pragma GCC unroll 24
      for (int s = 0; s < kSums; ++s) sums[s] = sums[s] * a + b;
      asm volatile("" : "+x"(a), "+x"(b));
    }
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    const double flops = 2.0 * kSteps * kSums * (kBytes / sizeof(ELEMENT));
    if (flops / taken.count() > best) best = flops / taken.count();
  }
  Vector total{};
  for (const Vector& sum : sums) total += sum;
  volatile ELEMENT keep = total[0];
  (void)keep;
  std::printf("%.3f\n", best / 1e9);
}
