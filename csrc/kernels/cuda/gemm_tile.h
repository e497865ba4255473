// Products by tiles of C in registers: a block brings some k of its rows of A and columns of B at a time into
// shared memory, the next ones while it multiplies these.
#pragma once

#include "kernels/cuda/gemm_product.h"
#include "kernels/cuda/quad.h"

namespace hebb::kernels::cuda {
namespace {

constexpr int kPad = 4;  // elements behind a row in shared memory: columns then begin in other banks

// A warp has 8 x 4 lanes, each of kRows x 8 elements of C. kDepth: what registers have room for on the way.
template <int kWarpRows, int kWarpColumns, int kRows_, int kDepth_>
struct TileShape {
  static constexpr int kThreads = 32 * kWarpRows * kWarpColumns;
  static constexpr int kRows = kRows_, kColumns = 8, kDepth = kDepth_;
  static constexpr int kWarpM = 8 * kRows, kWarpN = 4 * kColumns;
  static constexpr int kM = kWarpRows * kWarpM, kN = kWarpColumns * kWarpN;
  static constexpr int kWarpsAcross = kWarpColumns;
  static constexpr int kPanelA = kDepth * (kM + kPad), kPanelB = kDepth * (kN + kPad);
};
using LargeTile = TileShape<2, 4, 8, 8>;   // 128 x 128
using SmallTile = TileShape<2, 2, 4, 16>;  // 64 x 64

// How an operand lies: four neighbours along k, or across it, are 16 (8, for halves) aligned bytes; or
// anyhow.
enum class Layout { kAlong, kAcross, kAny };

// The rows of A, or columns of B, that a block of 2 kExtent threads needs; each thread holds some elements of
// a panel [kDepth, kExtent] on the way from global to shared memory.
template <class S, int kExtent, int kDepth, Layout kLayout>
class Side {
  static constexpr int kThreads = 2 * kExtent;
  static constexpr int kHeld = kDepth / 2;
  static constexpr int kPitch = kExtent + kPad;
  static constexpr bool kIsAny = kLayout == Layout::kAny;
  static constexpr int kBeyond = 1 << 30;  // what is left of k may be more than kDepth

 public:
  // Element [k, x] of the whole is data[k * along + x * across], x < extent; the panels begin at [k, first].
  HEBB_DEVICE Side(const S* data, int64_t along, int64_t across, int64_t k, int64_t first, int64_t extent) {
    const int t = hw::thread();
    if constexpr (kLayout == Layout::kAlong) {
      // Two threads read a whole sector of 32 bytes, and a warp's stores meet all banks.
      k_ = t % 2 * 4, x_ = t / 2;
    } else if constexpr (kLayout == Layout::kAcross) {
      k_ = t / (kExtent / 4), x_ = t % (kExtent / 4) * 4;
    } else {
      // Neighbouring threads take what is near in memory.
      k_ = along < across ? t % kDepth : t / kExtent;
      x_ = along < across ? t / kDepth : t % kExtent;
    }
    const int64_t left = extent - first - x_;
    left_ = left > kExtent ? kExtent : static_cast<int>(left);
    from_ = data + (k + k_) * along + (first + x_) * across;
    to_ = k_ * kPitch + x_;
    if (left_ <= 0) k_ = kBeyond;
  }

  // The next panel; where only `depth` < kDepth k are left, zeros follow.
  HEBB_DEVICE void load(int64_t along, int64_t across, int depth) {
    if constexpr (kIsAny) {
      const bool by_k = along < across;
      const int64_t step = by_k ? kThreads / kDepth * across : 2 * along;
      HEBB_UNROLL for (int e = 0; e < kHeld; ++e) {
        held_[e] = S{};
        if (k_ + (by_k ? 0 : 2 * e) < depth && (by_k ? kThreads / kDepth * e : 0) < left_)
          held_[e] = from_[e * step];
      }
    } else {
      HEBB_UNROLL for (int q = 0; q < kHeld / 4; ++q) {
        Quad<S> quad{};
        if (k_ + 8 * q < depth)
          quad = *reinterpret_cast<const Quad<S>*>(from_ + 8 * q * (kLayout == Layout::kAlong ? 1 : along));
        HEBB_UNROLL for (int e = 0; e < 4; ++e) held_[4 * q + e] = quad.x[e];
      }
    }
    from_ += kDepth * (kLayout == Layout::kAlong ? 1 : along);
  }

  // Conversion waits for the loads, so it comes here, after the multiplications.
  HEBB_DEVICE void put(int64_t along, int64_t across, Compute<S>* panel) const {
    Compute<S>* to = panel + to_;
    if constexpr (kIsAny) {
      const int step = along < across ? kThreads / kDepth : 2 * kPitch;
      HEBB_UNROLL for (int e = 0; e < kHeld; ++e) to[e * step] = read(held_[e]);
    } else if constexpr (kLayout == Layout::kAlong) {
      HEBB_UNROLL for (int e = 0; e < kHeld; ++e) to[(e / 4 * 8 + e % 4) * kPitch] = read(held_[e]);
    } else {
      HEBB_UNROLL for (int q = 0; q < kHeld / 4; ++q) {
        Quad<Compute<S>> quad;
        HEBB_UNROLL for (int e = 0; e < 4; ++e) quad.x[e] = read(held_[4 * q + e]);
        *reinterpret_cast<Quad<Compute<S>>*>(to + 8 * q * kPitch) = quad;
      }
    }
  }

 private:
  const S* from_;
  int k_, x_, to_;
  int left_;  // x there are from the thread's first on
  S held_[kHeld];
};

// A thread's elements of C: rows of four, 32 apart, and columns of four, 16 apart.
template <class T, class Shape>
struct Sums {
  T x[Shape::kRows][Shape::kColumns];

  HEBB_DEVICE static int row() {
    return hw::warp() / Shape::kWarpsAcross * Shape::kWarpM + hw::lane() / 4 * 4;
  }
  HEBB_DEVICE static int column() {
    return hw::warp() % Shape::kWarpsAcross * Shape::kWarpN + hw::lane() % 4 * 4;
  }

  HEBB_DEVICE void add_product(const T* a, const T* b) {
    HEBB_UNROLL for (int k = 0; k < Shape::kDepth; ++k) {
      Quad<T> rows[Shape::kRows / 4], columns[Shape::kColumns / 4];
      HEBB_UNROLL for (int i = 0; i < Shape::kRows / 4; ++i) rows[i] =
          *reinterpret_cast<const Quad<T>*>(a + k * (Shape::kM + kPad) + 32 * i);
      HEBB_UNROLL for (int j = 0; j < Shape::kColumns / 4; ++j) columns[j] =
          *reinterpret_cast<const Quad<T>*>(b + k * (Shape::kN + kPad) + 16 * j);
      HEBB_UNROLL for (int i = 0; i < Shape::kRows; ++i) {
        HEBB_UNROLL for (int j = 0; j < Shape::kColumns; ++j) x[i][j] =
            hw::fma(rows[i / 4].x[i % 4], columns[j / 4].x[j % 4], x[i][j]);
      }
    }
  }
};

// Neighbouring blocks take tiles of a band of this many tile rows, so that blocks that run together share
// rows of A and columns of B in the L2 cache.
constexpr int64_t kBandTiles = 8;
struct TilePlace {
  int64_t row, column;
};
template <class Shape>
HEBB_DEVICE TilePlace tile_place(const Product& p, int64_t tile) {
  const int64_t rows = ceil_div(p.m, Shape::kM), columns = ceil_div(p.n, Shape::kN);
  const int64_t first = tile / (kBandTiles * columns) * kBandTiles, within = tile - first * columns;
  const int64_t height = rows - first < kBandTiles ? rows - first : kBandTiles;
  return {(first + within % height) * Shape::kM, within / height * Shape::kN};
}

template <class T, class Shape>
struct TileMemory {
  static constexpr int kPanels = 2 * (Shape::kPanelA + Shape::kPanelB);
  static constexpr int kStored = 2 * Shape::kColumns * Shape::kThreads;
  alignas(16) T data[kPanels > kStored ? kPanels : kStored];
  // What is needed at the end again: meanwhile the registers serve better elsewhere.
  Share share;
  TilePlace place;
};

// Four neighbours of a row of C, or of partial sums.
template <class S>
HEBB_DEVICE void store_four(const Product& p, const Share& share, bool by_four, int64_t i, int64_t j,
                            const Compute<S>* sum) {
  const int64_t left = p.n - j;
  if (p.splits > 1) {
    Compute<S>* to = partial_at<S>(p, share.split, share.matrix) + i * p.n + j;
    for (int e = 0; e < 4; ++e)
      if (e < left) to[e] = sum[e];
    return;
  }
  if (by_four && left >= 4) {
    S* to = static_cast<S*>(p.c) + share.matrix * p.m * p.n + i * p.c_row + j;
    // What was there is read first: between the elements it would keep them from being written at once.
    Quad<S> quad = p.accumulate ? *reinterpret_cast<const Quad<S>*>(to) : Quad<S>{};
    HEBB_UNROLL for (int e = 0; e < 4; ++e) quad.x[e] = finished<S>(p, i, j + e, sum[e], &quad.x[e]);
    *reinterpret_cast<Quad<S>*>(to) = quad;
    return;
  }
  for (int e = 0; e < 4; ++e)
    if (e < left) store_sum<S>(p, share.matrix, i, j + e, sum[e]);
}

// Sums go through shared memory, each thread's own part of it, so that the code of the activations is there
// once and not for each register.
template <class S, class Shape>
HEBB_DEVICE void store_tile(const Product& p, bool by_four, const Sums<Compute<S>, Shape>& sums,
                            TileMemory<Compute<S>, Shape>& memory) {
  using T = Compute<S>;
  T* own = memory.data + hw::thread();
  const Share share = memory.share;
  const int64_t row = memory.place.row + Sums<T, Shape>::row();
  const int64_t column = memory.place.column + Sums<T, Shape>::column();
  HEBB_UNROLL for (int part = 0; part < Shape::kRows / 2; ++part) {
    HEBB_UNROLL for (int e = 0; e < 2 * Shape::kColumns; ++e) own[e * Shape::kThreads] =
        sums.x[2 * part + e / Shape::kColumns][e % Shape::kColumns];
    for (int q = 0; q < Shape::kColumns / 2; ++q) {
      const int64_t i = row + part / 2 * 32 + part % 2 * 2 + q / 2, j = column + q % 2 * 16;
      if (i >= p.m || j >= p.n) continue;
      T sum[4];
      HEBB_UNROLL for (int e = 0; e < 4; ++e) sum[e] = own[(4 * q + e) * Shape::kThreads];
      store_four<S>(p, share, by_four, i, j, sum);
    }
  }
}

template <class T, class Shape, Layout kLayout>
constexpr int kTilesEach = Shape::kThreads == 256    ? 2
                           : sizeof(T) == 8          ? 2
                           : kLayout == Layout::kAny ? 3
                                                     : 4;

// Blocks: tiles of C x parts of k x matrices.
template <class S, class Shape, Layout kA, Layout kB>
HEBB_KERNEL HEBB_BOUNDS(Shape::kThreads, (kTilesEach<S, Shape, kA>)) void multiply_tiles(Product p,
                                                                                         int64_t tiles,
                                                                                         bool by_four) {
  using T = Compute<S>;
  auto& memory = hw::shared<TileMemory<T, Shape>>();
  const Share share = share_of_block(p, tiles);
  if (share.matrix >= p.matrices) return;
  const TilePlace place = tile_place<Shape>(p, share.group);
  if (hw::thread() == 0) memory.share = share, memory.place = place;
  const int64_t begin = share.split * p.depth;
  int left = static_cast<int>(begin + p.depth < p.k ? p.depth : p.k - begin);
  const Matrices<S> at = matrices_at<S>(p, share.matrix);
  Side<S, Shape::kM, Shape::kDepth, kA> a(at.a, p.a_k, p.a_row, begin, place.row, p.m);
  Side<S, Shape::kN, Shape::kDepth, kB> b(at.b, p.b_k, p.b_column, begin, place.column, p.n);
  Sums<T, Shape> sums{};
  const auto load = [&] {
    a.load(p.a_k, p.a_row, left);
    b.load(p.b_k, p.b_column, left);
  };
  T* panels = memory.data;
  const auto put = [&] {
    a.put(p.a_k, p.a_row, panels);
    b.put(p.b_k, p.b_column, panels + Shape::kPanelA);
  };
  if (left > 0) {
    load();
    put();
  }
  hw::sync();
  while (left > 0) {
    left -= Shape::kDepth;
    if (left > 0) load();
    sums.add_product(panels + Sums<T, Shape>::row(), panels + Shape::kPanelA + Sums<T, Shape>::column());
    panels = memory.data + (panels == memory.data ? Shape::kPanelA + Shape::kPanelB : 0);
    if (left > 0) put();
    hw::sync();
  }
  store_tile<S, Shape>(p, by_four, sums, memory);
}

}  // namespace
}  // namespace hebb::kernels::cuda
