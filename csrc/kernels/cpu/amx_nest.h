// The loop nest of matrix products on the tile unit: C = A B of f32 matrices, each value the sum of kTerms
// bf16 terms.
//
//   SplitProduct<Unit, kTerms> p{m, n, k, a, b, c, epilogue, panels};
//
// stands where the product of gemm_core.h does: thread_space(), multiply_on_thread(), grid_of() and
// multiply() take it. k is cut into blocks that depend on k alone, and tiles lie at multiples of their size:
// bits depend neither on threads nor on what is packed ahead.
//
// An infinity is whole in its first term, and the other terms of what it meets would make NaN of it: tiles of
// C whose operands are not all finite are summed from the joined terms instead.
#pragma once

#include "kernels/cpu/amx_tiles.h"
#include "kernels/cpu/gemm_core.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace amx {

using tile::Grid;
using tile::Part;

// A band's terms over a block of k stay in the L1 cache, a block of B's in L2.
template <int kTerms>
inline constexpr int64_t kBlockDepth = kTerms == 1   ? 512
                                       : kTerms == 2 ? 256
                                                     : 192;
inline constexpr int64_t kBlockColumns = 1024;

// B in tiles: [panel][k / kDepth][term][2] tiles, then for each panel and block of k a word that is 1 where
// all its values are finite.
template <int kTerms>
struct TilePanels {
  uint16_t* data;
  int64_t columns, depth;

  HEBB_INLINE int64_t panels() const { return tile::pieces_of(columns, kBand); }
  HEBB_INLINE int64_t steps() const { return tile::pieces_of(depth, kDepth); }
  HEBB_INLINE int64_t blocks() const { return tile::pieces_of(depth, kBlockDepth<kTerms>); }
  HEBB_INLINE int64_t items() const { return panels() * steps() * kTerms * kBandItems; }
  HEBB_INLINE int64_t size() const { return items() + panels() * blocks(); }
  HEBB_INLINE uint16_t* panel(int64_t index, int64_t step) const {
    return data + (index * steps() + step) * kTerms * kBandItems;
  }
  HEBB_INLINE uint16_t* finite(int64_t panel, int64_t block) const {
    return data + items() + panel * blocks() + block;
  }
};

// Packed operands of one band and one panel, and where their sums go.
struct TilePair {
  const uint16_t *a, *b;
  bool finite;
  int64_t steps;
  int64_t row, column;
  int rows, columns;
};

// C (+)= A B of a pair from joined terms, one element at a time.
template <int kTerms>
void multiply_joined(const TilePair& pair, float* c, int64_t c_stride, bool accumulate) {
  for (int i = 0; i < pair.rows; ++i) {
    for (int j = 0; j < pair.columns; ++j) {
      float sum = accumulate ? c[i * c_stride + j] : 0;
      for (int64_t k = 0; k < pair.steps * kDepth; ++k) {
        const int64_t at = k / kDepth * kTerms * kBandItems, in = k % kDepth;
        const uint16_t* x = pair.a + at + i / kSide * kTileItems + i % kSide * kDepth + in;
        const uint16_t* y = pair.b + at + j / kSide * kTileItems + in / 2 * kDepth + j % kSide * 2 + in % 2;
        sum += joined<kTerms>(x, kBandItems) * joined<kTerms>(y, kBandItems);
      }
      c[i * c_stride + j] = sum;
    }
  }
}

template <class Unit, int kTerms>
struct SplitProduct {
  int64_t m, n, k;
  tile::MatrixA<float> a;
  tile::MatrixB<float> b;  // of no matter where it is packed already
  tile::MatrixC<float> c;
  tile::Epilogue<float> epilogue;
  const uint16_t* packed;  // TilePanels<kTerms> of B, or null
};

// What one thread works in, in 16-bit elements: a band of A, a block of B, and an edge of C in f32.
template <int kTerms>
inline constexpr int64_t kBandSpace = kBlockDepth<kTerms> / kDepth* kTerms* kBandItems;
inline constexpr int64_t kEdgeSpace = 2 * kBand * kBand;

template <class Unit, int kTerms>
void multiply_pair(Unit& unit, const SplitProduct<Unit, kTerms>& p, const TilePair& pair, float* edge,
                   bool accumulate) {
  float* c = p.c.row(pair.row) + pair.column;
  if (!pair.finite) return multiply_joined<kTerms>(pair, c, p.c.row_stride, accumulate);
  with_whole_tiles(
      c, p.c.row_stride, pair.rows, pair.columns, accumulate, edge, [&](float* to, int64_t stride) {
        multiply_band<Unit, kTerms>(unit, packed_tiles<kTerms>(pair.a), packed_tiles<kTerms>(pair.b),
                                    pair.steps, pair.rows, pair.columns, to, stride, accumulate);
      });
}

// Columns n0..n0+nc-1 of B and k0..k0+kc-1, the `index`-th block of k.
struct Block {
  int64_t n0, nc, k0, kc, index;
  bool first, last;

  HEBB_INLINE int64_t panels() const { return tile::pieces_of(nc, kBand); }
  HEBB_INLINE int columns(int64_t panel) const {
    const int64_t rest = nc - panel * kBand;
    return static_cast<int>(rest < kBand ? rest : kBand);
  }
};

// A block's panels, packed ahead or here.
template <int kTerms>
struct PackedBlock {
  const uint16_t* data;
  int64_t panel_step;
  const uint16_t* finite;
  int64_t finite_step;
};

template <class Unit, int kTerms>
PackedBlock<kTerms> packed_block(const SplitProduct<Unit, kTerms>& p, const Block& block, uint16_t* space,
                                 uint16_t* flags) {
  if (p.packed) {
    const TilePanels<kTerms> whole{const_cast<uint16_t*>(p.packed), p.n, p.k};
    const int64_t panel = block.n0 / kBand;
    return {whole.panel(panel, block.k0 / kDepth), whole.steps() * kTerms * kBandItems,
            whole.finite(panel, block.index), whole.blocks()};
  }
  const int64_t step = tile::pieces_of(block.kc, kDepth) * kTerms * kBandItems;
  for (int64_t panel = 0; panel < block.panels(); ++panel) {
    flags[panel] = pack_band<kTerms, Order::kPairs>(p.b.data, p.b.column_stride, p.b.row_stride,
                                                    block.n0 + panel * kBand, block.columns(panel), block.k0,
                                                    block.kc, space + panel * step);
  }
  return {space, step, flags, 1};
}

inline constexpr int64_t kFlagSpace = kBlockColumns / kBand;

template <class Unit, int kTerms>
int64_t thread_space(const SplitProduct<Unit, kTerms>& p) {
  int64_t halves = kBandSpace<kTerms> + kEdgeSpace + kFlagSpace;
  if (!p.packed) {
    const int64_t nc = p.n < kBlockColumns ? p.n : kBlockColumns,
                  kc = p.k < kBlockDepth<kTerms> ? p.k : kBlockDepth<kTerms>;
    halves += tile::pieces_of(nc, kBand) * tile::pieces_of(kc, kDepth) * kTerms * kBandItems;
  }
  return halves / 2;
}

template <class Unit, int kTerms, class F>
void multiply_block(Unit& unit, const SplitProduct<Unit, kTerms>& p, const Part& part, const Block& block,
                    const PackedBlock<kTerms>& b, float* space, const F& done) {
  float* edge = space;
  auto* band = reinterpret_cast<uint16_t*>(space + kEdgeSpace / 2);
  const int64_t steps = tile::pieces_of(block.kc, kDepth);
  for (int64_t row = part.row; row < part.row + part.rows; row += kBand) {
    const int64_t left = part.row + part.rows - row;
    const int rows = static_cast<int>(left < kBand ? left : kBand);
    const bool finite = pack_band<kTerms, Order::kLines>(p.a.data, p.a.row_stride, p.a.k_stride, row, rows,
                                                         block.k0, block.kc, band);
    for (int64_t panel = 0; panel < block.panels(); ++panel) {
      const int columns = block.columns(panel);
      const int64_t column = block.n0 + panel * kBand;
      multiply_pair<Unit, kTerms>(unit, p,
                                  {band, b.data + panel * b.panel_step,
                                   kTerms == 1 || (finite && b.finite[panel * b.finite_step] != 0), steps,
                                   row, column, rows, columns},
                                  edge, !block.first);
      if (!block.last || (!p.epilogue.bias && p.epilogue.activation == kActivationNone)) continue;
      float* to[kBand];
      for (int i = 0; i < rows; ++i) to[i] = p.c.row(row + i) + column;
      tile::finish(to, rows, columns, p.epilogue.bias ? p.epilogue.bias + column : nullptr,
                   p.epilogue.activation);
    }
    if (block.last) done(row, rows, block.n0, block.nc);
  }
}

template <class Unit, int kTerms, class F>
void multiply_part(const SplitProduct<Unit, kTerms>& p, const Part& part, float* space, const F& done) {
  Unit unit;
  unit.begin();
  const int64_t column_blocks = tile::pieces_of(part.columns, kBlockColumns);
  const int64_t k_blocks = tile::pieces_of(p.k, kBlockDepth<kTerms>);
  auto* flags = reinterpret_cast<uint16_t*>(space) + kEdgeSpace + kBandSpace<kTerms>;
  for (int64_t j = 0; j < column_blocks; ++j) {
    const int64_t n0 = tile::cut(part.columns, column_blocks, j, kBand);
    const int64_t n1 = tile::cut(part.columns, column_blocks, j + 1, kBand);
    for (int64_t i = 0; i < k_blocks; ++i) {
      const int64_t k0 = tile::cut(p.k, k_blocks, i, kDepth), k1 = tile::cut(p.k, k_blocks, i + 1, kDepth);
      const Block block{part.column + n0, n1 - n0, k0, k1 - k0, i, i == 0, i == k_blocks - 1};
      multiply_block(unit, p, part, block, packed_block(p, block, flags + kFlagSpace, flags), space, done);
    }
  }
  unit.end();
}

template <class Unit, int kTerms, class F = tile::Unwatched>
void multiply_on_thread(float* space, const SplitProduct<Unit, kTerms>& p, const F& done = {}) {
  multiply_part(p, Part{0, p.m, 0, p.n}, space, done);
}

// A tile from L2 takes an eighth of the time of f32 for each product of terms.
template <int kTerms>
inline constexpr tile::Cost kCost{kBand, kBand, Pairs<kTerms>::kCount / 8.0 / kBand, 0.5 + 0.5 * kTerms};

template <class Unit, int kTerms>
Grid grid_of(const stream::Context& context, const SplitProduct<Unit, kTerms>& p) {
  if (context.threads() == 1 || p.m * p.n * p.k < 4 * tile::kSerialWork) return {};
  return Grid::choose(p.m, p.n, p.k, context.threads(), kCost<kTerms>);
}

template <class Unit, int kTerms, class F = tile::Unwatched>
void multiply(stream::Context& context, const SplitProduct<Unit, kTerms>& p, const Grid& grid,
              float* = nullptr, const F& done = {}) {
  const int64_t size = thread_space(p);
  context.parallel(grid.rows * grid.columns, [&](int64_t task, int thread) {
    multiply_part(
        p, tile::part_of(grid, p.m, p.n, task, kCost<kTerms>), context.scratch<float>(thread, size),
        [&](int64_t i, int64_t rows, int64_t j, int64_t columns) { done(thread, i, rows, j, columns); });
  });
}

}  // namespace amx
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
