// The weight gradient: sums over all windows, in fixed parts that are added in order.
#pragma once

#include "kernels/cpu/conv_forward.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace conv {

// dw[o, u, v, c] = sum over n, y, x of dy[n, y, x, o] in[n, axes[0].at(y) + u gap, axes[1].at(x) + v gap, c].
template <class T>
struct WeightSum {
  Images<T> in;
  Axis axes[2];
  int64_t rows, columns, outs;
  const T* dy;  // the first channel looked at
  int64_t dy_pixel;
  T* dw;

  // Neighbouring taps of a row are neighbours in a band, so a row of taps is one run of vectors.
  HEBB_INLINE bool folded() const { return axes[1].gap == 1; }
  // Several short ones go into one vector.
  HEBB_INLINE int64_t merged() const {
    if (!folded()) return 1;
    return most(1, least(least(kMostRuns, axes[0].taps), V<T>::kWidth / most(1, axes[1].taps * in.depth)));
  }
  HEBB_INLINE int64_t tap_run() const { return folded() ? axes[1].taps * in.depth : in.depth; }
  HEBB_INLINE int64_t tap_runs() const { return folded() ? axes[0].taps : axes[0].taps * axes[1].taps; }
  // Merged ones count as one here.
  HEBB_INLINE int64_t run() const { return merged() * tap_run(); }
  HEBB_INLINE int64_t runs() const { return ceil_div(tap_runs(), merged()); }
  // Of an output.
  HEBB_INLINE int64_t weights() const { return tap_runs() * tap_run(); }
  HEBB_INLINE int64_t run_vectors() const { return ceil_div(run(), V<T>::kWidth); }
  HEBB_INLINE int64_t vectors() const { return runs() * run_vectors(); }
  HEBB_INLINE bool gathers() const {
    return vectors() > 2 * kVectors && dy_pixel * static_cast<int64_t>(sizeof(T)) >= 512;
  }
  // Full vectors are read, so runs that do not fill them need a band with room behind it.
  HEBB_INLINE bool copies() const { return in.depth != in.channels || tap_run() % V<T>::kWidth != 0; }
};

// Outputs o0..o1-1 of dy over the windows of a block.
template <class T>
struct Outputs {
  const T* dy;
  int64_t image, row, pixel;
  int64_t o0, o1;
};

// In place, or in `space`: wide pixels of dy share few sets of the L1 cache, so outputs that meet many
// vectors are first brought together.
template <class T>
Outputs<T> take_outputs(const WeightSum<T>& s, const Block& block, int64_t o0, int64_t o1, T* space) {
  const int64_t row = s.columns * s.dy_pixel, image = s.rows * row, count = o1 - o0;
  const T* dy = s.dy + block.n0 * image + block.y0 * row + block.x0 * s.dy_pixel + o0;
  if (!s.gathers()) return {dy, image, row, s.dy_pixel, o0, o1};
  T* to = space;
  for (int64_t n = 0; n < block.n1 - block.n0; ++n) {
    for (int64_t y = 0; y < block.rows(); ++y) {
      const T* from = dy + n * image + y * row;
      for (int64_t x = 0; x < block.columns(); ++x, from += s.dy_pixel, to += count) {
        for (int64_t i = 0; i < count; i += V<T>::kWidth) {
          const int64_t lanes = least(V<T>::kWidth, count - i);
          V<T>::load_partial(from + i, lanes).store_partial(to + i, lanes);
        }
      }
    }
  }
  return {space, block.rows() * block.columns() * count, block.columns() * count, count, o0, o1};
}

// The most memory that partial sums may take, in elements.
inline constexpr int64_t kPartElements = 1 << 20;

// Part p sums the blocks count() * p / parts and on; a task does one part for one group of outputs.
template <class T>
struct WeightParts {
  Blocking blocks;
  int64_t part_size, parts, groups;
  int64_t band_size;
  bool direct;  // one part that has the layout of dw

  explicit WeightParts(const WeightSum<T>& s)
      : blocks(make_blocks<T>(s.in, s.axes, s.rows, s.columns, s.outs * s.weights())) {
    part_size = s.outs * s.vectors() * V<T>::kWidth;
    parts = least(least(blocks.count(), kEnoughTasks), most(1, kPartElements / part_size));
    groups = least(ceil_div(s.outs, kRows<T>), ceil_div(kEnoughTasks, parts));
    band_size = block_space<T>(blocks, s.axes, s.in.depth);
    direct = parts == 1 && s.vectors() * V<T>::kWidth == s.weights();
  }
  HEBB_INLINE int64_t space() const { return direct ? 0 : parts * part_size; }
  HEBB_INLINE int64_t thread_space(const WeightSum<T>& s) const {
    return band_size + (s.gathers() ? blocks.images * blocks.rows * blocks.columns * kRows<T> : 0);
  }
};

// The outputs times `count` vectors from number `first`, over the windows of a block.
template <class T>
void sum_tile(const WeightSum<T>& s, const Band<T>& band, const Block& block, const Outputs<T>& outputs,
              int64_t first, int count, T* part, bool accumulate) {
  const Axis& down = s.axes[0];
  const int64_t across = s.folded() ? 1 : s.axes[1].taps, merged = s.merged();
  // Only windows whose taps of these vectors may lie inside the image.
  int64_t y0 = block.y1, y1 = block.y0;
  WeightTile<T> tile;
  tile.run = s.tap_run();
  for (int j = 0; j < count; ++j) {
    const int64_t run = (first + j) / s.run_vectors(), vector = (first + j) % s.run_vectors();
    const int64_t v = run % across, left = s.tap_runs() - run * merged;
    for (int64_t r = 0; r < merged; ++r) {
      // Lanes behind the last run are not used.
      const int64_t number = least(r, left - 1), u = (run * merged + number) / across;
      const int64_t offset = down.from + u * down.gap;
      y0 = least(y0, most(block.y0, offset >= 0 ? 0 : ceil_div(-offset, down.step)));
      y1 = most(y1, least(block.y1, offset >= s.in.height ? 0 : ceil_div(s.in.height - offset, down.step)));
      (r == 0 ? tile.x[j] : tile.next[j][r - 1]) = band.data + u * down.gap * band.row - number * tile.run +
                                                   v * s.axes[1].gap * band.pixel + vector * V<T>::kWidth;
    }
  }
  tile.rows = most(0, y1 - y0);
  if (tile.rows == 0) y0 = block.y0;
  tile.x_row = down.step * band.row;
  for (int j = 0; j < count; ++j) {
    tile.x[j] += (y0 - block.y0) * tile.x_row;
    for (int64_t r = 1; r < merged; ++r) tile.next[j][r - 1] += (y0 - block.y0) * tile.x_row;
  }
  tile.x_image = band.image;
  tile.x_pixel = s.axes[1].step * band.pixel;
  tile.dy = outputs.dy + (y0 - block.y0) * outputs.row;
  tile.dy_image = outputs.image;
  tile.dy_row = outputs.row;
  tile.dy_pixel = outputs.pixel;
  tile.images = block.n1 - block.n0;
  tile.columns = block.columns();
  tile.accumulate = accumulate;
  tile.out_row = s.vectors() * V<T>::kWidth;
  tile.out = part + outputs.o0 * tile.out_row + first * V<T>::kWidth;
  const int64_t outs = outputs.o1 - outputs.o0;
  const auto& tiles = merged == 1   ? kWeightTiles<T>
                      : merged == 2 ? kWeightTiles<T, 2>
                                    : kWeightTiles<T, kMostRuns>;
  tiles.entry[outs - 1][count - 1](tile);
}

// dw[o] = the sum of its parts, without the lanes that fill up runs.
template <class T>
void add_parts(const WeightSum<T>& s, const T* parts, int64_t count, int64_t part_size, int64_t o) {
  constexpr int kWidth = V<T>::kWidth;
  const int64_t run = s.run(), run_vectors = s.run_vectors();
  for (int64_t vector = 0; vector < s.vectors(); ++vector) {
    const T* from = parts + (o * s.vectors() + vector) * kWidth;
    V<T> sum = V<T>::load(from);
    for (int64_t part = 1; part < count; ++part) sum = sum + V<T>::load(from + part * part_size);
    const int64_t in_run = vector % run_vectors * kWidth, at = vector / run_vectors * run + in_run;
    sum.store_partial(s.dw + o * s.weights() + at, least(least(kWidth, run - in_run), s.weights() - at));
  }
}

// `sums` has plan.space() elements, `bands` plan.thread_space() for each thread. The images must not be
// empty.
template <class T>
void sum_weights(stream::Context& context, const WeightSum<T>& s, const WeightParts<T>& plan, T* sums,
                 T* bands) {
  const Pieces tiles(s.outs, kRows<T>);
  const bool copies = s.copies();
  context.parallel(plan.parts * plan.groups, [&](int64_t task, int thread) {
    const int64_t index = task / plan.groups, group = task % plan.groups;
    T* part = plan.direct ? s.dw : sums + index * plan.part_size;
    const int64_t begin = plan.blocks.count() * index / plan.parts;
    const int64_t end = plan.blocks.count() * (index + 1) / plan.parts;
    for (int64_t b = begin; b < end; ++b) {
      const Block block = plan.blocks.block(b);
      T* own = bands + thread * plan.thread_space(s);
      const Band<T> band = take_band(s.in, s.axes, block, copies, own);
      for (int64_t tile = tiles.count * group / plan.groups; tile < tiles.count * (group + 1) / plan.groups;
           ++tile) {
        const Outputs<T> outputs =
            take_outputs(s, block, tiles.start(tile), tiles.start(tile + 1), own + plan.band_size);
        for (int64_t first = 0; first < s.vectors(); first += kVectors) {
          const int count = static_cast<int>(least(kVectors, s.vectors() - first));
          sum_tile(s, band, block, outputs, first, count, part, b > begin);
        }
      }
    }
  });
  if (plan.direct) return;
  context.parallel(ceil_div(s.outs, task_grain(s.vectors() * plan.parts)), [&](int64_t task, int) {
    const int64_t grain = task_grain(s.vectors() * plan.parts);
    for (int64_t o = task * grain; o < least(s.outs, (task + 1) * grain); ++o)
      add_parts(s, sums, plan.parts, plan.part_size, o);
  });
}

}  // namespace conv
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
