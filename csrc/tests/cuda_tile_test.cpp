// The product of a tile with a square matrix, on integers, which every policy multiplies exactly.
#include "cuda/tile.cuh"
#include "tests/check.h"
#include "tests/cuda_fused.h"

namespace transjet::testing {
namespace {

// rows = rows first; where kAcross, the second half of them + the first half of `rows` second as well.
template <typename TileT, bool kAcross>
TRANSJET_KERNEL void tile_kernel(typename TileT::T* rows, const typename TileT::T* first,
                                 const typename TileT::T* second) {
  TileT::start(first);
  for (int i = static_cast<int>(cuda::threadIdx.x); i < TileT::kRows * TileT::kWidth;
       i += cuda::kTileThreads) {
    TileT::rows()[i / TileT::kWidth * TileT::kStride + i % TileT::kWidth] = rows[i];
  }
  typename TileT::Sums sums;
  TileT::clear(sums);
  TileT::template multiply<false>(sums, first);
  if (kAcross) {
    TileT::start(second);
    TileT::template multiply<true>(sums, second);
  }
  TileT::store(sums);
  cuda::sync_threads();
  for (int i = static_cast<int>(cuda::threadIdx.x); i < TileT::kRows * TileT::kWidth;
       i += cuda::kTileThreads) {
    rows[i] = TileT::rows()[i / TileT::kWidth * TileT::kStride + i % TileT::kWidth];
  }
}

template <typename T>
void fill(DeviceMemory<T>& memory, std::size_t size, Random& random) {
  for (std::size_t i = 0; i < size; ++i)
    memory.data()[i] = static_cast<T>(static_cast<int>(random.next() % 15) - 7);
}

template <typename Policy, int kWidth, bool kAcross>
void product_is_exact() {
  using TileT = cuda::Tile<Policy, kWidth, cuda::fused_rows(sizeof(typename Policy::Element), kWidth)>;
  using T = typename TileT::T;
  constexpr std::size_t kColumns = kWidth, kHeight = TileT::kRows, kHalf = TileT::kHalf;
  Random random(13);
  DeviceMemory<T> rows(kHeight * kColumns), first(kColumns * kColumns), second(kColumns * kColumns);
  fill(rows, kHeight * kColumns, random);
  fill(first, kColumns * kColumns, random);
  fill(second, kColumns * kColumns, random);
  std::vector<T> expected(kHeight * kColumns);
  for (std::size_t r = 0; r < kHeight; ++r) {
    for (std::size_t k = 0; k < kColumns; ++k) {
      for (std::size_t c = 0; c < kColumns; ++c) {
        expected[r * kColumns + c] += rows.data()[r * kColumns + k] * first.data()[k * kColumns + c];
        if (!kAcross || r < kHalf) continue;
        expected[r * kColumns + c] +=
            rows.data()[(r - kHalf) * kColumns + k] * second.data()[k * kColumns + c];
      }
    }
  }
  const std::vector<T> before(rows.data(), rows.data() + kHeight * kColumns);
  in_both_orders([&] {
    std::copy(before.begin(), before.end(), rows.data());
    cuda::launch(tile_kernel<TileT, kAcross>, 1, cuda::kTileThreads, TileT::kSharedBytes, cuda::Stream{},
                 rows.data(), first.data(), second.data());
    TRANSJET_CHECK(std::equal(expected.begin(), expected.end(), rows.data()));
    TRANSJET_CHECK(rows.intact() && first.intact() && second.intact());
  });
}

template <typename Policy>
void products_are_exact() {
  product_is_exact<Policy, 64, false>();
  product_is_exact<Policy, 64, true>();
  product_is_exact<Policy, 128, false>();
  product_is_exact<Policy, 128, true>();
}

}  // namespace
}  // namespace transjet::testing

int main() {
  using namespace transjet::testing;
  products_are_exact<transjet::cuda::Tf32x3>();
  products_are_exact<transjet::cuda::Bf16x3>();
  products_are_exact<transjet::cuda::Simt<float>>();
  products_are_exact<transjet::cuda::Dmma>();
  return result();
}
