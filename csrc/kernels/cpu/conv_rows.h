// The input gradient of few channels: their vectors run over the taps of a row too, and windows that overlap
// are added.
#pragma once

#include "kernels/cpu/conv_forward.h"
#include "kernels/cpu/lanes.h"

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
  // What a window gives to the pixels of a row: whole vectors of [v, c].
  HEBB_INLINE int64_t window_space() const { return ceil_div(run(), V<T>::kWidth) * V<T>::kWidth; }
  // For the windows of a row; a full vector may be read from any element.
  HEBB_INLINE int64_t thread_space() const { return in.width * window_space() + V<T>::kWidth; }
};

// Vectors over channels alone would be filled so little that a quarter more are needed.
template <class T>
HEBB_INLINE bool thin_channels(int64_t taps, int64_t depth) {
  return 5 * ceil_div(taps * depth, V<T>::kWidth) <= 4 * taps * ceil_div(depth, V<T>::kWidth);
}

// What the windows of a row give to its pixels, window by window, for the rows of dy whose taps meet row y.
template <class T>
void make_windows(const RowSum<T>& r, const Pieces& pieces, int64_t n, int64_t y, int64_t first, int64_t end,
                  T* windows) {
  const int64_t in_row = r.in.width * r.in.channels;
  for (int64_t panel = 0; panel < ceil_div(r.run(), kColumns<T>); ++panel) {
    const int vectors = panel_vectors<T>(r.run(), panel), width = vectors * V<T>::kWidth;
    ForwardTile<T> tile{};
    tile.pixel = r.in.channels;
    tile.taps = end - first;
    tile.tap_step = r.down.gap * in_row;
    tile.runs = 1;
    tile.run = r.in.depth;
    tile.weights = r.weights + panel * kColumns<T> * r.down.taps * r.in.depth + first * r.in.depth * width;
    tile.out_pixel = r.window_space();
    tile.columns = width;
    const T* in = r.in.data + (n * r.in.height + r.down.at(y) + first * r.down.gap) * in_row;
    for (int64_t piece = 0; piece < pieces.count; ++piece) {
      const int64_t x = pieces.start(piece);
      tile.in = in + x * r.in.channels;
      tile.out = windows + x * tile.out_pixel + panel * kColumns<T>;
      kForwardTiles<T>.entry[pieces.start(piece + 1) - x - 1][vectors - 1](tile);
    }
  }
}

// to[x, c] = the sum over the windows that pixel x lies in, from the first one on.
template <class T>
void add_windows(const RowSum<T>& r, const T* windows, T* to) {
  const int64_t space = r.window_space(), step = r.step, depth = r.depth;
  // A vector that the channels do not fill is written over by the next pixel, if that is in the row and next
  // to it.
  const int64_t excess = ceil_div(depth, V<T>::kWidth) * V<T>::kWidth - depth;
  const int64_t full = r.out_pixel == depth ? r.width - ceil_div(excess, most(1, depth)) : 0;
  for (int64_t x = 0; x < r.width; ++x, to += r.out_pixel) {
    const int64_t at = x + r.before, past = at - r.taps + 1;
    const int64_t first = past <= 0 ? 0 : step == 1 ? past : ceil_div(past, step);
    const int64_t last = least(r.in.width - 1, step == 1 ? at : at / step);
    const T* from = windows + first * space + (at - first * step) * depth;
    const auto add = [&](int64_t c, auto lanes) __attribute__((always_inline)) {
      V<T> sum = V<T>::zero();
      const T* term = from + c;
      for (int64_t window = first; window <= last; ++window, term += space - step * depth)
        sum = sum + V<T>::load(term);
      lanes.store(sum, to + c);
    };
    if (x < full) {
      for (int64_t c = 0; c < depth; c += V<T>::kWidth) add(c, AllLanes<T>{});
    } else {
      for_channels<T>(depth, add);
    }
  }
}

template <class T>
void sum_row(const RowSum<T>& r, const Pieces& pieces, int64_t n, int64_t y, T* windows) {
  const int64_t first = r.down.taps ? r.down.first_tap(y) : 0;
  const int64_t end = r.down.taps ? r.down.end_tap(y, r.in.height) : 0;
  T* to = r.out + n * r.out_image + y * r.out_row;
  if (first < end) {
    make_windows(r, pieces, n, y, first, end, windows);
    return add_windows(r, windows, to);
  }
  for (int64_t x = 0; x < r.width; ++x, to += r.out_pixel) zero_run(to, r.depth);
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
  const Pieces pieces(r.in.width, kRows<T>);
  parallel_items(context, r.in.batch * r.rows, most(1, kBlockWork / 8 / most(1, work)),
                 [&](int64_t item, int thread) {
                   const int64_t n = item / r.rows, y = item % r.rows;
                   sum_row(r, pieces, n, y, space + thread * r.thread_space());
                   end_row(r, n, y, thread);
                 });
}

}  // namespace conv
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
