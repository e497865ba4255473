// The matrix product inside every step of a recurrence: a few rows of state times a weight that is packed
// once for the whole sequence, cut into tiles of rows by hidden units.
#pragma once

#include "kernels/cpu/panels.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

using tile::kTileRows;

// Hidden units of a tile, which has them for all gates.
template <class T>
inline constexpr int kTileUnits = tile::kTileColumns<T>;

// Rows of state lie this far apart: whole vectors, and not whole pages, which would share sets of the L1
// cache.
template <class T>
HEBB_INLINE int64_t state_stride(int64_t extent) {
  const int64_t vectors = ceil_div(extent, V<T>::kWidth) * V<T>::kWidth;
  return vectors * static_cast<int64_t>(sizeof(T)) % 512 == 0 ? vectors + V<T>::kWidth : vectors;
}

// The panels of a weight: a matrix [depth, units] for each gate.
template <class T>
using PackedWeight = tile::Panels<T>;

// sums[i * row_step + j] = sum over k of state[i, k] of unit j of a gate's panel.
template <class T>
void multiply_panel(const PackedWeight<T>& weight, const T* state, int64_t stride, int rows, int64_t block,
                    int64_t gate, T* sums, int64_t row_step) {
  T* to[kTileRows];
  for (int i = 0; i < rows; ++i) to[i] = sums + i * row_step;
  const int wide = weight.width(block);
  const tile::Micro<T> micro = tile::kMicro<T, false>.entry[rows - 1][wide / V<T>::kWidth - 1];
  const int64_t pieces = tile::pieces_of(weight.depth, tile::kBlockK);
  for (int64_t i = 0; i < pieces; ++i) {
    const int64_t k0 = tile::cut(weight.depth, pieces, i), k1 = tile::cut(weight.depth, pieces, i + 1);
    micro({state + k0, stride, weight.panel(block, gate) + k0 * wide, wide, k1 - k0, to, i > 0});
  }
}

// Rows row..row+rows-1 and the units of one block.
struct StateTile {
  int64_t row;
  int rows;
  int64_t block;
};

// body(tile) for all tiles of one step. Every element of a state belongs to one tile, always the same.
template <class T, class F>
HEBB_INLINE void each_tile(stream::Context& context, int64_t batch, const PackedWeight<T>& weight, F&& body) {
  const int64_t panels = ceil_div(batch, kTileRows), blocks = weight.blocks();
  const int64_t work = batch * weight.columns * weight.matrices * (weight.depth + tile::kStoreWork);
  const int64_t tasks = most(1, least(context.threads(), work / tile::kSerialWork));
  // A weight's panels stay in the cache of the thread that has their units; rows are cut where units run out.
  const int64_t columns = least(blocks, tasks), rows = least(panels, ceil_div(tasks, columns));
  context.parallel(rows * columns, [&](int64_t task, int) {
    const int64_t r = task / columns, c = task % columns;
    for (int64_t block = tile::cut(blocks, columns, c); block < tile::cut(blocks, columns, c + 1); ++block) {
      for (int64_t panel = tile::cut(panels, rows, r); panel < tile::cut(panels, rows, r + 1); ++panel) {
        const int64_t row = tile::cut(batch, panels, panel);
        body(StateTile{row, static_cast<int>(tile::cut(batch, panels, panel + 1) - row), block});
      }
    }
  });
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
