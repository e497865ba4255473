// Products of at most 8 rows: each element of B is read once, straight into registers.
#pragma once

#include "kernels/cuda/gemm_product.h"

namespace hebb::kernels::cuda {
namespace {

constexpr int kThinRows = 8;
constexpr int kThinWarps = 4;
constexpr int kThinThreads = 32 * kThinWarps;
constexpr int kThinColumns = 4;  // of a lane

// kDots: the lanes of a warp take k in turn and the same four columns; else they take columns, and the warps
// k in turn. Either way neighbouring lanes read neighbours, where B lies along k or across it.
template <bool kDots>
constexpr int kBlockColumns = kDots ? kThinColumns : 32 * kThinColumns;

template <class T, int kRows, bool kDots>
struct ThinMemory {
  T part[kThinWarps][kRows][kBlockColumns<kDots>];
};

// The sums of one lane over its k. Rows and columns beyond the last are the last again, and not stored.
template <class S, int kRows, bool kDots>
HEBB_DEVICE void sum_thin(const Product& p, const Share& share, Compute<S> (&sum)[kRows][kThinColumns]) {
  const Matrices<S> at = matrices_at<S>(p, share.matrix);
  const S *row[kRows], *column[kThinColumns];
  HEBB_UNROLL for (int i = 0; i < kRows; ++i) row[i] = at.a + (i < p.m ? i : p.m - 1) * p.a_row;
  HEBB_UNROLL for (int j = 0; j < kThinColumns; ++j) {
    const int64_t x = share.group * kBlockColumns<kDots> + (kDots ? j : hw::lane() + 32 * j);
    column[j] = at.b + (x < p.n ? x : p.n - 1) * p.b_column;
  }
  const int64_t begin = share.split * p.depth;
  const int64_t end = begin + p.depth < p.k ? begin + p.depth : p.k;
  const int step = kDots ? kThinThreads : kThinWarps;
  for (int64_t k = begin + (kDots ? hw::thread() : hw::warp()); k < end; k += step) {
    Compute<S> a[kRows], b[kThinColumns];
    HEBB_UNROLL for (int j = 0; j < kThinColumns; ++j) b[j] = read(column[j][k * p.b_k]);
    HEBB_UNROLL for (int i = 0; i < kRows; ++i) a[i] = read(row[i][k * p.a_k]);
    HEBB_UNROLL for (int i = 0; i < kRows; ++i) {
      HEBB_UNROLL for (int j = 0; j < kThinColumns; ++j) sum[i][j] = hw::fma(a[i], b[j], sum[i][j]);
    }
  }
}

// Each of kCount values summed over the lanes of a warp: the sum of value i ends at lane i * 32 / kCount.
// Lanes halve what they hold at each exchange, and pass on the other half.
template <int kCount, int kMask = hw::kLanes / 2, class T>
HEBB_DEVICE T sums_of_lanes(T* values) {
  if constexpr (kMask == 0) {
    return values[0];
  } else if constexpr (kCount == 1) {
    values[0] += hw::shuffle_xor(values[0], kMask);
    return sums_of_lanes<1, kMask / 2>(values);
  } else {
    const bool upper = (hw::lane() & kMask) != 0;
    HEBB_UNROLL for (int i = 0; i < kCount / 2; ++i) {
      const T low = values[i], high = values[i + kCount / 2];
      values[i] = (upper ? high : low) + hw::shuffle_xor(upper ? low : high, kMask);
    }
    return sums_of_lanes<kCount / 2, kMask / 2>(values);
  }
}

// Blocks: groups of columns x parts of k x matrices.
template <class S, int kRows, bool kDots>
HEBB_KERNEL HEBB_BOUNDS(kThinThreads, 3) void multiply_thin(Product p, int64_t groups) {
  using T = Compute<S>;
  auto& memory = hw::shared<ThinMemory<T, kRows, kDots>>();
  const Share share = share_of_block(p, groups);
  if (share.matrix >= p.matrices) return;
  T sum[kRows][kThinColumns] = {};
  sum_thin<S, kRows, kDots>(p, share, sum);
  if constexpr (kDots) {
    constexpr int kCount = kRows * kThinColumns, kStride = hw::kLanes / kCount;
    T values[kCount];
    HEBB_UNROLL for (int i = 0; i < kCount; ++i) values[i] = sum[i / kThinColumns][i % kThinColumns];
    const T whole = sums_of_lanes<kCount>(values);
    const int i = hw::lane() / kStride;
    if (hw::lane() % kStride == 0) memory.part[hw::warp()][i / kThinColumns][i % kThinColumns] = whole;
  } else {
    HEBB_UNROLL for (int i = 0; i < kRows; ++i) {
      HEBB_UNROLL for (int j = 0; j < kThinColumns; ++j) memory.part[hw::warp()][i][hw::lane() + 32 * j] =
          sum[i][j];
    }
  }
  hw::sync();
  constexpr int kColumns = kBlockColumns<kDots>;
  for (int item = hw::thread(); item < kRows * kColumns; item += kThinThreads) {
    const int i = item / kColumns, x = item % kColumns;
    const int64_t j = share.group * kColumns + x;
    if (i >= p.m || j >= p.n) continue;
    T whole = memory.part[0][i][x];
    for (int warp = 1; warp < kThinWarps; ++warp) whole += memory.part[warp][i][x];
    if (p.splits > 1) {
      partial_at<S>(p, share.split, share.matrix)[i * p.n + j] = whole;
    } else {
      store_sum<S>(p, share.matrix, i, j, whole);
    }
  }
}

}  // namespace
}  // namespace hebb::kernels::cuda
