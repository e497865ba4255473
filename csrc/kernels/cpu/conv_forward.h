// Correlation of images with packed weights: the forward pass, and the input gradient seen as correlations of
// dy.
#pragma once

#include "kernels/cpu/conv_band.h"
#include "kernels/cpu/conv_pairs.h"
#include "kernels/cpu/tile_epilogue.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace conv {

// out[n, y, x, j] = act(bias[j] + sum over u, v, c of in[n, axes[0].at(y) + u gap, axes[1].at(x) + v gap, c]
// w[u, v, c, j]). With no taps at all the outputs are act(bias).
template <class T>
struct Correlation {
  Images<T> in;
  Axis axes[2];
  int64_t rows, columns, outs;  // of one image's output
  T* out;
  int64_t out_image, out_row, out_pixel;  // in elements: the outputs may lie apart
  const T* weights;                       // panels of kColumns outputs, [taps, taps, depth, panel]
  const T* bias;
  bool relu;
  bool paired;                   // the weights and the bias are those of pair_tile
  const TileEpilogue* epilogue;  // of the result that starts at `result`; null where none follows the blocks
  const T* result;

  HEBB_INLINE int64_t depth() const { return axes[0].taps * axes[1].taps * in.depth; }
  HEBB_INLINE int64_t panels() const { return ceil_div(outs, kColumns<T>); }
  // Neighbours that a vector of a tile holds the outputs of.
  HEBB_INLINE int64_t tile_pixels() const { return paired ? 2 : 1; }
};

// The vectors that the outputs of a panel fill.
template <class T>
HEBB_INLINE int panel_vectors(int64_t outs, int64_t panel) {
  return outs - panel * kColumns<T> <= V<T>::kWidth ? 1 : kVectors;
}

template <class T>
HEBB_INLINE int64_t packed_weights(int64_t outs, int64_t depth) {
  return ceil_div(outs, kColumns<T>) * kColumns<T> * depth;
}

// Elements of a band: a quarter of a megabyte, so that it stays in the L2 cache beside a panel of weights.
inline constexpr int64_t kBandElements = 65536;
// Windows a block should have, so that a panel of weights is used often enough once it is in the cache.
inline constexpr int64_t kBlockPixels = 128;
// Multiply-adds worth handing out, and the number of tasks above which smaller ones gain nothing.
inline constexpr int64_t kBlockWork = 1 << 19;
inline constexpr int64_t kEnoughTasks = 16;

// How the windows of all images are cut into blocks. It depends on shapes alone.
struct Blocking {
  int64_t batch, height, width;   // in windows
  int64_t images, rows, columns;  // of a block

  HEBB_INLINE int64_t down() const { return ceil_div(height, rows); }
  HEBB_INLINE int64_t across() const { return ceil_div(width, columns); }
  HEBB_INLINE int64_t count() const { return ceil_div(batch, images) * down() * across(); }
  HEBB_INLINE Block block(int64_t index) const {
    const int64_t x = index % across(), y = index / across() % down(), n = index / across() / down();
    return {n * images,  least(batch, (n + 1) * images), y * rows, least(height, (y + 1) * rows),
            x * columns, least(width, (x + 1) * columns)};
  }
};

// `work` is the multiply-adds of a window.
template <class T>
Blocking make_blocks(const Images<T>& in, const Axis (&axes)[2], int64_t height, int64_t width,
                     int64_t work) {
  Blocking b{in.batch, height, width, 1, height, width};
  // Rows of one image are long where it is all pixels of a batch: see flatten().
  constexpr int64_t kLongRow = 8 * kBlockPixels;
  if (height == 1 && width > kLongRow) b.columns = most(kBlockPixels, least(kLongRow, width / kEnoughTasks));
  const auto space = [&] { return band_space<T>(axes, b.images, b.rows, b.columns, in.depth); };
  while (b.rows > 1 && space() > kBandElements) b.rows = ceil_div(b.rows, 2);
  while (b.count() < kEnoughTasks && b.rows > 1 && b.rows * b.columns * work >= 2 * kBlockWork)
    b.rows = ceil_div(b.rows, 2);
  if (b.rows == height && b.columns == width) {
    const auto small = [&] {
      const int64_t pixels = b.images * height * width;
      return pixels < kBlockPixels || pixels * work < kBlockWork;
    };
    while (b.images < b.batch && small() && 2 * space() <= kBandElements)
      b.images = least(b.batch, 2 * b.images);
  }
  return b;
}

template <class T>
HEBB_INLINE int64_t block_space(const Blocking& b, const Axis (&axes)[2], int64_t depth) {
  return axes[0].taps * axes[1].taps == 0 ? 0 : band_space<T>(axes, b.images, b.rows, b.columns, depth);
}

// One panel of weights over the windows of one row of a block, which are cut into pieces.
template <class T>
void correlate_row(const Correlation<T>& c, const Band<T>& band, int64_t panel, const Block& block,
                   const Pieces& pieces, int64_t n, int64_t y) {
  const Axis &down = c.axes[0], &across = c.axes[1];
  // Taps in the padding above and below the image are left out.
  const int64_t first = down.taps ? down.first_tap(y) : 0;
  const int64_t end = down.taps ? most(first, down.end_tap(y, c.in.height)) : 0;
  const bool folded = across.gap == 1 && band.pixel == c.in.depth;
  const int vectors = panel_vectors<T>(c.outs, panel);
  ForwardTile<T> tile;
  tile.pixel = across.step * band.pixel;
  tile.taps = end - first;
  tile.tap_step = down.gap * band.row;
  tile.runs = folded ? 1 : across.taps;
  tile.run_step = across.gap * band.pixel;
  tile.run = folded ? across.taps * c.in.depth : c.in.depth;
  tile.weights =
      c.weights + panel * kColumns<T> * c.depth() + first * across.taps * c.in.depth * vectors * V<T>::kWidth;
  tile.bias = c.bias ? c.bias + panel * kColumns<T> : nullptr;
  tile.relu = c.relu;
  tile.out_pixel = c.out_pixel;
  tile.columns = static_cast<int>(least(kColumns<T>, c.outs - panel * kColumns<T>));
  const T* in =
      band.data + (n - block.n0) * band.image + (y - block.y0) * down.step * band.row + first * tile.tap_step;
  T* out = c.out + n * c.out_image + y * c.out_row + block.x0 * c.out_pixel + panel * kColumns<T>;
  for (int64_t i = 0; i < pieces.count; ++i) {
    const int64_t x = pieces.start(i) * c.tile_pixels(), count = pieces.start(i + 1) - pieces.start(i);
    tile.in = in + x * tile.pixel;
    tile.out = out + x * c.out_pixel;
    if constexpr (kHasPairs<T>) {
      if (c.paired) {
        kPairTiles<T>.entry[count - 1](tile, block.columns() - x);
        continue;
      }
    }
    kForwardTiles<T>.entry[count - 1][vectors - 1](tile);
  }
}

// How many tasks share the panels of a block.
template <class T>
HEBB_INLINE int64_t panel_groups(const Correlation<T>& c, const Blocking& blocks) {
  return least(c.panels(), ceil_div(kEnoughTasks, blocks.count()));
}

// Whether the outputs of a task lie in runs that an epilogue can follow.
template <class T>
HEBB_INLINE bool has_long_runs(const Correlation<T>& c, const Blocking& blocks) {
  const int64_t groups = panel_groups(c, blocks);
  if (c.outs == c.out_pixel && groups == 1) return true;
  return c.outs >= kLongRun && c.panels() / groups * kColumns<T> >= kLongRun;
}

// Outputs first..last-1 of all windows of a block are final.
template <class T>
void end_block(const Correlation<T>& c, const Block& block, int64_t first, int64_t last, int thread) {
  if (!c.epilogue) return;
  const int64_t row_size = block.columns() * c.out_pixel, images = block.n1 - block.n0;
  const int64_t start =
      c.out - c.result + block.n0 * c.out_image + block.y0 * c.out_row + block.x0 * c.out_pixel;
  const bool whole_pixels = first == 0 && last == c.out_pixel;
  if (whole_pixels && row_size * block.rows() == c.out_image)
    return c.epilogue->run(thread, {start, c.out_image, images, c.out_image});
  for (int64_t n = 0; n < images; ++n) {
    const int64_t image = start + n * c.out_image;
    if (whole_pixels) {
      c.epilogue->run(thread, {image, row_size, block.rows(), c.out_row});
      continue;
    }
    for (int64_t y = 0; y < block.rows(); ++y)
      c.epilogue->run(thread, {image + y * c.out_row + first, last - first, block.columns(), c.out_pixel});
  }
}

// `space` has block_space elements for each thread. Weights are packed.
template <class T>
void correlate(stream::Context& context, const Correlation<T>& c, const Blocking& blocks, T* space) {
  const int64_t per_thread = block_space<T>(blocks, c.axes, c.in.depth);
  const int64_t panels = c.panels(), groups = panel_groups(c, blocks);
  context.parallel(blocks.count() * groups, [&](int64_t task, int thread) {
    const Block block = blocks.block(task / groups);
    const int64_t group = task % groups;
    const Pieces pieces(ceil_div(block.columns(), c.tile_pixels()), kRows<T>);
    // A pair without its second pixel reads on by one.
    const bool copy = c.paired && block.columns() % 2 != 0;
    Band<T> band{nullptr, 0, 0, c.in.depth};
    if (c.depth() > 0) band = take_band(c.in, c.axes, block, copy, space + thread * per_thread);
    const int64_t first = panels * group / groups, last = panels * (group + 1) / groups;
    for (int64_t panel = first; panel < last; ++panel) {
      for (int64_t n = block.n0; n < block.n1; ++n)
        for (int64_t y = block.y0; y < block.y1; ++y) correlate_row(c, band, panel, block, pieces, n, y);
    }
    end_block(c, block, first * kColumns<T>, least(c.outs, last * kColumns<T>), thread);
  });
}

}  // namespace conv
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
