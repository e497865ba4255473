// The input gradient of few channels: their vectors run over the taps of a row too, and windows that overlap
// are added.
#pragma once

#include "kernels/cpu/conv_forward.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace conv {

// dx[n, y, x step + v - before, c] += sum over u, o of dy[n, down.at(y) + u gap, x, o] w[u, o, v, c], for one
// phase of rows.
template <class T>
struct RowSum {
  Images<T> in;  // dy
  Axis down;
  int64_t rows;                // of dx in this phase
  int64_t step, before, taps;  // along a row
  int64_t width, depth;        // of dx
  T* out;
  int64_t out_image, out_row, out_pixel;
  const T* weights;              // panels of kColumns of [v, c]: [u, o, panel]
  const TileEpilogue* epilogue;  // of dx, which starts at `result`; null where none follows the rows
  const T* result;

  HEBB_INLINE int64_t run() const { return taps * depth; }
  HEBB_INLINE int64_t packed() const { return packed_weights<T>(run(), down.taps * in.depth); }
  // A row of dx with its padding, which is where windows are added up, and room for a tile.
  HEBB_INLINE int64_t row_space() const {
    const int64_t padded = most((in.width - 1) * step + taps, width + before);
    return ceil_div(padded * depth + V<T>::kWidth, 16) * 16;
  }
  HEBB_INLINE int64_t thread_space() const { return row_space() + kRows<T> * kColumns<T>; }
};

// Vectors over channels alone would be filled so little that a quarter more are needed.
template <class T>
HEBB_INLINE bool thin_channels(int64_t taps, int64_t depth) {
  return 5 * ceil_div(taps * depth, V<T>::kWidth) <= 4 * taps * ceil_div(depth, V<T>::kWidth);
}

// Adds the runs of neighbouring windows, rows of a tile, to where they lie in the row of dx.
template <class T>
void add_runs(const T* tile, int64_t tile_row, int64_t windows, T* to, int64_t step, int64_t columns) {
  constexpr int kWidth = V<T>::kWidth;
  for (int64_t i = 0; i < windows; ++i, tile += tile_row, to += step) {
    int64_t j = 0;
    for (; j + kWidth <= columns; j += kWidth) (V<T>::load(to + j) + V<T>::load(tile + j)).store(to + j);
    if (j == columns) continue;
    const int64_t n = columns - j;
    (V<T>::load_partial(to + j, n) + V<T>::load_partial(tile + j, n)).store_partial(to + j, n);
  }
}

template <class T>
void sum_row(const RowSum<T>& r, int64_t n, int64_t y, T* space) {
  T *row = space, *tile_out = space + r.row_space();
  zero_run(row, r.row_space());
  const int64_t first = r.down.taps ? r.down.first_tap(y) : 0;
  const int64_t end = r.down.taps ? r.down.end_tap(y, r.in.height) : 0;
  const int64_t in_row = r.in.width * r.in.channels;
  const Pieces pieces(r.in.width, kRows<T>);
  for (int64_t panel = 0; first < end && panel < ceil_div(r.run(), kColumns<T>); ++panel) {
    const int vectors = panel_vectors<T>(r.run(), panel);
    const int64_t columns = least(kColumns<T>, r.run() - panel * kColumns<T>);
    const int tile_row = vectors * V<T>::kWidth;
    ForwardTile<T> tile{};
    tile.pixel = r.in.channels;
    tile.taps = end - first;
    tile.tap_step = r.down.gap * in_row;
    tile.runs = 1;
    tile.run = r.in.depth;
    tile.weights = r.weights + panel * kColumns<T> * r.down.taps * r.in.depth + first * r.in.depth * tile_row;
    tile.out = tile_out;
    tile.out_pixel = tile_row;
    tile.columns = tile_row;
    const T* in = r.in.data + (n * r.in.height + r.down.at(y) + first * r.down.gap) * in_row;
    for (int64_t piece = 0; piece < pieces.count; ++piece) {
      const int64_t x = pieces.start(piece), windows = pieces.start(piece + 1) - x;
      tile.in = in + x * r.in.channels;
      kForwardTiles<T>.entry[windows - 1][vectors - 1](tile);
      add_runs(tile_out, tile_row, windows, row + x * r.step * r.depth + panel * kColumns<T>,
               r.step * r.depth, columns);
    }
  }
  const T* from = row + r.before * r.depth;
  T* to = r.out + n * r.out_image + y * r.out_row;
  for (int64_t x = 0; x < r.width; ++x, from += r.depth, to += r.out_pixel)
    for (int64_t c = 0; c < r.depth; ++c) to[c] = from[c];
}

// Row y of image n is final: its pixels are next to each other.
template <class T>
void end_row(const RowSum<T>& r, int64_t n, int64_t y, int thread) {
  if (!r.epilogue) return;
  const int64_t start = r.out - r.result + n * r.out_image + y * r.out_row;
  r.epilogue->run(thread, {start, r.width * r.depth});
}

// `space` has thread_space() elements for each thread. Weights are packed.
template <class T>
void sum_rows(stream::Context& context, const RowSum<T>& r, T* space) {
  const int64_t work = (r.down.taps * r.in.depth * r.in.width + r.width) * r.run();
  parallel_items(context, r.in.batch * r.rows, most(1, kBlockWork / 8 / most(1, work)),
                 [&](int64_t item, int thread) {
                   const int64_t n = item / r.rows, y = item % r.rows;
                   sum_row(r, n, y, space + thread * r.thread_space());
                   end_row(r, n, y, thread);
                 });
}

}  // namespace conv
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
