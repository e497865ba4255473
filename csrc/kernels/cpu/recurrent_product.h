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

// A weight [gates hidden, hidden] as matrices [matrices, k, units].
struct WeightView {
  int64_t shape[3], strides[3];
};

// Each gate's units are its rows.
HEBB_INLINE WeightView forward_view(int64_t hidden, int64_t gates) {
  return {{gates, hidden, hidden}, {hidden * hidden, 1, hidden}};
}
HEBB_INLINE WeightView backward_view(int64_t hidden, int64_t gates) {
  return {{1, gates * hidden, hidden}, {0, hidden, 1}};
}

// Rows row..row+rows-1 and the units of one block.
struct StateTile {
  int64_t row;
  int rows;
  int64_t block;
};

// Rows of [batch, extent] copied to rows `stride` apart whose ends are 0; from null, all are 0.
template <class T>
void spread_rows(T* to, int64_t stride, const T* from, int64_t batch, int64_t extent) {
  for (int64_t row = 0; row < batch; ++row) {
    for (int64_t i = 0; i < stride; ++i)
      to[row * stride + i] = from && i < extent ? from[row * extent + i] : T(0);
  }
}

// The weight in panels, a matrix [depth, units] for each gate, and the states of two steps, in turn. In the
// scratch memory of thread 0, but for panels that are there already.
template <class T>
class PanelProduct {
 public:
  static constexpr int kRows = kTileRows;
  struct Session {
    HEBB_INLINE void begin() {}
    HEBB_INLINE void end() {}
  };

  PanelProduct(stream::Context& context, const stream::Operand& weight, const WeightView& view, int64_t batch)
      : panels_{weight.as<T>(), view.shape[2], view.shape[0], view.shape[1]},
        batch_(batch),
        stride_(state_stride<T>(view.shape[1])) {
    const int64_t states = 2 * batch * stride_;
    states_ = context.scratch<T>(0, states + (weight.in_panels ? 0 : panels_.size()));
    if (weight.in_panels) return;
    panels_.data = states_ + states;
    panels_.pack(context, weight.as<const T>(), view.strides[0], view.strides[1], view.strides[2]);
  }

  void start(const T* h0) const {
    spread_rows(states_, stride_, h0, batch_, panels_.depth);
    spread_rows<T>(states_ + batch_ * stride_, stride_, nullptr, batch_, panels_.depth);
  }

  HEBB_INLINE int64_t blocks() const { return panels_.blocks(); }
  HEBB_INLINE int64_t columns_in(int64_t block) const { return panels_.columns_in(block); }
  HEBB_INLINE int64_t row_work() const {
    return panels_.columns * panels_.matrices * (panels_.depth + tile::kStoreWork);
  }
  HEBB_INLINE int64_t stride() const { return stride_; }
  HEBB_INLINE T* state(int64_t step) const { return states_ + step % 2 * batch_ * stride_; }

  template <class Lanes>
  HEBB_INLINE void keep(const Lanes& lanes, V<T> value, int64_t step, int64_t row, int64_t k) const {
    lanes.store(value, state(step) + row * stride_ + k);
  }

  // sums[i * row_step + gate * kTileUnits + j] = sum over k of state[i, k] of unit j of a gate.
  void multiply(Session&, int64_t step, const StateTile& at, int gates, T* sums, int64_t row_step) const {
    for (int gate = 0; gate < gates; ++gate)
      multiply_panel(state(step) + at.row * stride_, at, gate, sums + gate * kTileUnits<T>, row_step);
  }

 private:
  void multiply_panel(const T* state, const StateTile& at, int64_t gate, T* sums, int64_t row_step) const {
    T* to[kTileRows];
    for (int i = 0; i < at.rows; ++i) to[i] = sums + i * row_step;
    const int wide = panels_.width(at.block);
    const tile::Micro<T> micro = tile::micro_of<T>(false, at.rows, wide / V<T>::kWidth);
    const int64_t pieces = tile::pieces_of(panels_.depth, tile::kBlockK);
    for (int64_t i = 0; i < pieces; ++i) {
      const int64_t k0 = tile::cut(panels_.depth, pieces, i), k1 = tile::cut(panels_.depth, pieces, i + 1);
      micro({state + k0, stride_, panels_.panel(at.block, gate) + k0 * wide, wide, k1 - k0, to, i > 0});
    }
  }

  tile::Panels<T> panels_;
  int64_t batch_, stride_;
  T* states_;
};

// body(tile, session) for all tiles of one step; a session is what a Product needs on a thread for several.
// Every element of a state belongs to one tile, always the same.
template <class Product, class F>
HEBB_INLINE void each_tile(stream::Context& context, int64_t batch, const Product& product, F&& body) {
  const int64_t panels = ceil_div(batch, Product::kRows), blocks = product.blocks();
  const int64_t tasks = most(1, least(context.threads(), batch * product.row_work() / tile::kSerialWork));
  // A weight's panels stay in the cache of the thread that has their units; rows are cut where units run out.
  const int64_t columns = least(blocks, tasks), rows = least(panels, ceil_div(tasks, columns));
  context.parallel(rows * columns, [&](int64_t task, int) {
    typename Product::Session session;
    session.begin();
    const int64_t r = task / columns, c = task % columns;
    for (int64_t block = tile::cut(blocks, columns, c); block < tile::cut(blocks, columns, c + 1); ++block) {
      for (int64_t panel = tile::cut(panels, rows, r); panel < tile::cut(panels, rows, r + 1); ++panel) {
        const int64_t row = tile::cut(batch, panels, panel);
        body(StateTile{row, static_cast<int>(tile::cut(batch, panels, panel + 1) - row), block}, session);
      }
    }
    session.end();
  });
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
