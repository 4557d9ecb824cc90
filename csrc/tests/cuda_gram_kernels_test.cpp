// The kernels of J J^T on their own, emulated: what no small network asks of them.
#include "cuda/gram_steps.h"
#include "cuda/gram_tiles.cuh"
#include "tests/compare.h"

namespace transjet::testing {
namespace {

constexpr double kTolerance = 12;  // in units of epsilon; measured: at most 3

void tiles_are_counted() {
  int index = 0;
  for (int row = 0; row < 300; ++row) {
    for (int column = 0; column <= row; ++column) {
      const cuda::LowerTile tile = cuda::lower_tile(index++);
      TRANSJET_CHECK(tile.row == row && tile.column == column);
    }
  }
  for (const int far : {65535, 60000}) {
    const auto before = static_cast<int>(static_cast<long long>(far) * (far + 1) / 2);
    if (before < 0) continue;
    TRANSJET_CHECK(cuda::lower_tile(before).row == far && cuda::lower_tile(before).column == 0);
    TRANSJET_CHECK(cuda::lower_tile(before - 1).row == far - 1 &&
                   cuda::lower_tile(before - 1).column == far - 1);
  }
}

// What lies behind the rows of a matrix is nobody's: NaN here.
template <typename T>
void padding_has_no_part() {
  Random random(61);
  constexpr int kPoints = 5, kStreams = 3, kIn = 18, kOut = 13, kLine = 32;
  Guarded<T> h(kPoints * kStreams * kLine, 0), zbar(kPoints * kStreams * kLine, 0),
      result(kPoints * kPoints, 0);
  Parts expected(1);
  const auto fill = [&](Guarded<T>& matrix, int width) {
    for (int r = 0; r < kPoints * kStreams; ++r) {
      const Numbers row = random.numbers(static_cast<std::size_t>(width), 1);
      for (int c = 0; c < width; ++c)
        matrix.view().data()[r * kLine + c] = static_cast<T>(row[static_cast<std::size_t>(c)]);
    }
  };
  fill(h, kIn);
  fill(zbar, kOut);
  const auto dot = [](const Guarded<T>& matrix, int r, int c, int width) {
    const T* data = const_cast<Guarded<T>&>(matrix).view().data();
    long double sum = 0;
    for (int k = 0; k < width; ++k)
      sum += static_cast<long double>(data[r * kLine + k]) * data[c * kLine + k];
    return sum;
  };
  for (int pair = 0; pair < kPoints * kPoints; ++pair) {
    long double sum = 0;
    for (int st = 0; st < kStreams * kStreams; ++st) {
      const int r = pair / kPoints * kStreams + st / kStreams, c = pair % kPoints * kStreams + st % kStreams;
      sum += (dot(h, r, c, kIn) + (st == 0 ? 1 : 0)) * dot(zbar, r, c, kOut);
    }
    expected[0].push_back(sum);
  }
  const T* streams = h.view().data();
  const T* adjoints = zbar.view().data();
  const cuda::GramSums<T> sums{result.view().data(), nullptr, kPoints, 1};
  Guarded<T> columns(kPoints * 304, 0);
  const cuda::GramBlock<T> block{columns.view().data(), 304, kPoints, 0, kIn + 1, 16};
  const cuda::HiddenColumns<T> hidden{block, streams, adjoints, kLine, kLine, kStreams, kIn, kOut};
  const cuda::FactoredProduct<T, T> factored{streams, adjoints, kLine, kLine, kStreams, kIn, kOut, sums};
  for (const bool assembled : {false, true}) {
    cuda::Queue queue(cuda::Stream{});
    std::fill_n(sums.result, kPoints * kPoints, T(0));
    if (assembled) assemble(queue, hidden);
    assembled ? add_products(queue, cuda::AssembledProduct<T, T>{block, sums})
              : add_products(queue, factored);
    finish_gram(queue, sums);
    const std::vector<T> results(sums.result, sums.result + kPoints * kPoints);
    check_close(results, expected, kTolerance, "padding");
    TRANSJET_CHECK(queue.error() == 0 && result.intact() && columns.intact());
  }
}

// Many pieces of columns for few slots. In the middle there are columns of which float would see nothing
// beside those before them, which those behind them take away again.
template <typename T, typename R>
void pieces_are_added_up() {
  constexpr int kPoints = 70, kColumns = 1536, kThird = kColumns / 3;
  Guarded<T> block(kPoints * kColumns, 0);
  for (int p = 0; p < kPoints; ++p) {
    for (int c = 0; c < kColumns; ++c) {
      const bool middle = c / kThird == 1;
      // Products of the outer thirds are +-2^20 times row and column; sums of the middle are 512 of them.
      const int size = middle ? 1 + p % 3 : (1 + p % 5) * 1024 * (c / kThird == 2 && p % 2 == 0 ? -1 : 1);
      block.view().data()[p * kColumns + c] = static_cast<T>(size);
    }
  }
  for (const int slots : {1, 2, 3, 8}) {
    if (sizeof(T) == 4 && kThird % (kColumns / slots) != 0 && slots > 1)
      continue;  // pieces across the thirds
    Guarded<R> result(kPoints * kPoints, 0), more(7 * kPoints * kPoints, 0);
    std::fill_n(result.view().data(), kPoints * kPoints, R(0));
    std::fill_n(more.view().data(), 7 * kPoints * kPoints, R(0));
    const cuda::GramSums<R> sums{result.view().data(), more.view().data(), kPoints, slots};
    cuda::Queue queue(cuda::Stream{});
    add_products(queue,
                 cuda::AssembledProduct<T, R>{{block.view().data(), kColumns, kPoints, 0, 3, kThird}, sums});
    finish_gram(queue, sums);
    for (int n = 0; n < kPoints; ++n) {
      for (int m = 0; m < kPoints; ++m) {
        const double outer = (1.0 + n % 5) * (1 + m % 5) * kThird * 1048576 * (n % 2 == m % 2 ? 2 : 0);
        const double expected = outer + (1.0 + n % 3) * (1 + m % 3) * kThird;
        TRANSJET_CHECK(static_cast<double>(sums.result[n * kPoints + m]) == expected);
      }
    }
    TRANSJET_CHECK(queue.error() == 0 && result.intact() && more.intact() && block.intact());
  }
}

}  // namespace
}  // namespace transjet::testing

int main(int count, char**) {
  using namespace transjet::testing;
  verbose = count > 1;
  tiles_are_counted();
  padding_has_no_part<float>();
  padding_has_no_part<double>();
  pieces_are_added_up<float, double>();
  pieces_are_added_up<double, double>();
  return result();
}
