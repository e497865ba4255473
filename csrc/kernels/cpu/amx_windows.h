// Convolutions on the tile unit: outputs as sums over windows of images, the forward pass and the input
// gradient.
//
// A block of images is first copied as bf16 terms, padding included, its rows and columns sorted by their
// position modulo the step between windows. In each of these phases the pixels that one tap meets for windows
// that follow each other follow each other too, from row to row without end: 16 of them are a tile as it
// lies. Windows past the end of a row are computed and dropped.
#pragma once

#include "kernels/cpu/amx_tiles.h"
#include "kernels/cpu/carver.h"
#include "kernels/cpu/conv_forward.h"
#include "kernels/cpu/gemm_core.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace amx {

using conv::Axis;
using conv::Images;

// The phases of `rows` x `columns` windows, and where taps meet them.
struct Phases {
  Axis axes[2];
  int64_t extent[2];  // of a phase, in pixels

  Phases(const Axis (&along)[2], int64_t rows, int64_t columns) : axes{along[0], along[1]} {
    const int64_t windows[] = {rows, columns};
    for (int i = 0; i < 2; ++i)
      extent[i] = windows[i] + (most(1, axes[i].taps) - 1) * axes[i].gap / axes[i].step;
  }
  HEBB_INLINE int64_t count() const { return axes[0].step * axes[1].step; }
  HEBB_INLINE int64_t pixels() const { return extent[0] * extent[1]; }
  // Of tap (u, v): its phase, and its pixel in there for the first window.
  HEBB_INLINE int64_t phase(int64_t u, int64_t v) const {
    return u * axes[0].gap % axes[0].step * axes[1].step + v * axes[1].gap % axes[1].step;
  }
  HEBB_INLINE int64_t offset(int64_t u, int64_t v) const {
    return u * axes[0].gap / axes[0].step * extent[1] + v * axes[1].gap / axes[1].step;
  }
  // Whether a tap meets rows (axis 0) or columns (1) of that remainder.
  HEBB_INLINE bool meets(int axis, int64_t remainder) const {
    for (int64_t u = 0; u < axes[axis].taps; ++u)
      if (u * axes[axis].gap % axes[axis].step == remainder) return true;
    return false;
  }

  // body(phase, pixel, data) for each pixel that a tap meets of windows y0, x0 and on of image n; data is
  // null in the padding.
  template <class F>
  void each(const Images<float>& in, int64_t n, int64_t y0, int64_t x0, F&& body) const {
    for (int64_t i = 0; i < count(); ++i) {
      const int64_t down = i / axes[1].step, across = i % axes[1].step;
      if (!meets(0, down) || !meets(1, across)) continue;
      for (int64_t pixel = 0; pixel < pixels(); ++pixel) {
        const int64_t y = axes[0].from + (y0 + pixel / extent[1]) * axes[0].step + down;
        const int64_t x = axes[1].from + (x0 + pixel % extent[1]) * axes[1].step + across;
        const bool inside = y >= 0 && y < in.height && x >= 0 && x < in.width;
        body(i, pixel, inside ? in.data + ((n * in.height + y) * in.width + x) * in.channels : nullptr);
      }
    }
  }
};

// The outputs of one command, or of one phase of an input gradient; weights [outs, taps, in.depth] by
// strides.
template <int kTerms>
struct WindowSum {
  Images<float> in;
  Axis axes[2];
  int64_t rows, columns, outs;
  float* out;
  int64_t out_image, out_row, out_pixel;
  const float* bias;
  bool relu;
  // Output j, channel c of tap (u, v) at weights[tap(u, v) + j * out_step + c * depth_step].
  const float* weights;
  int64_t out_step, depth_step;
  int64_t tap_first[2], tap_step[2];

  HEBB_INLINE int64_t tap(int64_t u, int64_t v) const {
    return tap_first[0] + u * tap_step[0] + tap_first[1] + v * tap_step[1];
  }
  HEBB_INLINE int64_t taps() const { return axes[0].taps * axes[1].taps; }
  HEBB_INLINE int64_t deep() const { return ceil_div(in.depth, kDepth); }
  HEBB_INLINE int64_t steps() const { return taps() * deep(); }
  HEBB_INLINE int64_t panels() const { return ceil_div(outs, kBand); }
  HEBB_INLINE int64_t panel_items() const { return steps() * kTerms * kBandItems; }
  // Items of a pixel of a phase. Rows of tiles whole kilobytes apart would share sets of the L1 cache.
  HEBB_INLINE int64_t pixel() const { return deep() * kDepth + (deep() % 16 == 0 ? kDepth : 0); }
};

// Windows that a task takes: rows of one image, or a part of the one row that an image has.
struct WindowBlocks {
  int64_t images, height, width;  // in windows
  int64_t rows, columns;          // of a block

  HEBB_INLINE int64_t down() const { return ceil_div(height, rows); }
  HEBB_INLINE int64_t across() const { return ceil_div(width, columns); }
  HEBB_INLINE int64_t count() const { return images * down() * across(); }
};

// Items of one block's copy: a quarter of the L2 cache, but for rows that are wider.
inline constexpr int64_t kBlockItems = 1 << 17;

template <int kTerms>
int64_t plane_items(const WindowSum<kTerms>& s, const Phases& phases) {
  // The last tile reads on behind the last window.
  return (phases.count() * phases.pixels() + kBand) * s.pixel();
}

template <int kTerms>
WindowBlocks window_blocks(const WindowSum<kTerms>& s, int64_t threads) {
  WindowBlocks b{s.in.batch, s.rows, s.columns, s.rows, s.columns};
  const auto large = [&] {
    return kTerms * plane_items(s, Phases(s.axes, b.rows, b.columns)) > kBlockItems ||
           b.count() < 4 * threads;
  };
  while (b.rows > 1 && large()) b.rows = ceil_div(b.rows, 2);
  while (b.rows == 1 && b.columns > 8 * kBand && large()) b.columns = ceil_div(b.columns, 2);
  return b;
}

// The terms of a pixel's channels; zeros for null, and behind them. False where one is not finite.
template <int kTerms>
HEBB_INLINE bool copy_pixel(const float* from, int64_t depth, int64_t items, uint16_t* to, int64_t plane) {
  return split_row<kTerms>(items, to, plane, [&](int64_t c) {
    const int left = from ? static_cast<int>(depth - c) : 0;
    return _mm512_maskz_loadu_ps(first(left), left > 0 ? from + c : kZeros);
  });
}

// Windows first..first+rows-1 of a block, as numbered in its phases, from sums to their places.
template <int kTerms>
void store_windows(const WindowSum<kTerms>& s, const WindowBlocks& block, int64_t width, int64_t window,
                   int rows, float* sums, float* out, int64_t panel) {
  const int columns = static_cast<int>(least(kBand, s.outs - panel * kBand));
  float* lines[kBand];
  for (int i = 0; i < rows; ++i) lines[i] = sums + i * kBand;
  if (s.bias || s.relu) {
    tile::finish(lines, rows, columns, s.bias ? s.bias + panel * kBand : nullptr,
                 s.relu ? kActivationRelu : kActivationNone);
  }
  for (int i = 0; i < rows; ++i) {
    const int64_t y = (window + i) / width, x = (window + i) % width;
    if (x >= block.columns) continue;
    float* to = out + y * s.out_row + x * s.out_pixel + panel * kBand;
    for (int j = 0; j < columns; j += 16) {
      const __mmask16 there = first(columns - j);
      _mm512_mask_storeu_ps(to + j, there, _mm512_maskz_loadu_ps(there, lines[i] + j));
    }
  }
}

// Memory of a sum: packed weights and offsets for all, and what each thread works in.
template <int kTerms>
struct WindowMemory {
  uint16_t* weights = nullptr;
  int64_t* offsets = nullptr;
  uint16_t* copies = nullptr;
  float* sums = nullptr;
  int64_t copy_items = 0;

  void carve(Carver& carver, const WindowSum<kTerms>& s, int threads) {
    const WindowBlocks blocks = window_blocks(s, threads);
    copy_items = kTerms * plane_items(s, Phases(s.axes, blocks.rows, blocks.columns));
    weights = carver.take<uint16_t>(s.panels() * s.panel_items());
    offsets = carver.take<int64_t>(s.steps());
    copies = carver.take<uint16_t>(threads * copy_items);
    sums = carver.take<float>(threads * kBand * kBand);
  }
};

template <int kTerms>
bool pack_panel(const WindowSum<kTerms>& s, int64_t panel, uint16_t* to) {
  bool finite = true;
  const int lines = static_cast<int>(least(kBand, s.outs - panel * kBand));
  for (int64_t u = 0; u < s.axes[0].taps; ++u) {
    for (int64_t v = 0; v < s.axes[1].taps; ++v) {
      const float* from = s.weights + s.tap(u, v) + panel * kBand * s.out_step;
      if (!pack_band<kTerms, Order::kPairs>(from, s.out_step, s.depth_step, 0, lines, 0, s.in.depth, to))
        finite = false;
      to += s.deep() * kTerms * kBandItems;
    }
  }
  return finite;
}

// One block of windows: its copy, then all outputs. False where a value is not finite.
template <class Unit, int kTerms>
bool sum_block(const WindowSum<kTerms>& s, const WindowBlocks& blocks, const WindowMemory<kTerms>& memory,
               int64_t index, int thread) {
  const int64_t across = index % blocks.across(), down = index / blocks.across() % blocks.down();
  const int64_t n = index / blocks.across() / blocks.down();
  const int64_t y0 = down * blocks.rows, x0 = across * blocks.columns;
  WindowBlocks block = blocks;
  block.rows = least(blocks.rows, s.rows - y0), block.columns = least(blocks.columns, s.columns - x0);
  const Phases phases(s.axes, blocks.rows, blocks.columns);
  uint16_t* copy = memory.copies + thread * memory.copy_items;
  const int64_t plane = memory.copy_items / kTerms, pixel = s.pixel();
  bool finite = true;
  phases.each(s.in, n, y0, x0, [&](int64_t phase, int64_t at, const float* from) {
    uint16_t* to = copy + (phase * phases.pixels() + at) * pixel;
    if (!copy_pixel<kTerms>(from, s.in.depth, s.deep() * kDepth, to, plane)) finite = false;
  });
  Unit unit;
  unit.begin();
  float* sums = memory.sums + thread * kBand * kBand;
  float* out = s.out + n * s.out_image + y0 * s.out_row + x0 * s.out_pixel;
  const int64_t width = phases.extent[1], windows = (block.rows - 1) * width + block.columns;
  for (int64_t window = 0; window < windows; window += kBand) {
    const int rows = static_cast<int>(least(kBand, windows - window));
    for (int64_t panel = 0; panel < s.panels(); ++panel) {
      const Tiles a{copy + window * pixel, plane, kSide * pixel, 2 * pixel, 0, memory.offsets};
      const Tiles b = packed_tiles<kTerms>(memory.weights + panel * s.panel_items());
      const int columns = static_cast<int>(least(kBand, s.outs - panel * kBand));
      multiply_band<Unit, kTerms>(unit, a, b, s.steps(), rows, columns, sums, kBand, false);
      store_windows(s, block, width, window, rows, sums, out, panel);
    }
  }
  unit.end();
  return finite;
}

// Whether all values that were read are finite: else the outputs are not to be used.
template <class Unit, int kTerms>
bool sum_windows(stream::Context& context, const WindowSum<kTerms>& s, const WindowMemory<kTerms>& memory,
                 bool* finite_of_threads) {
  const WindowBlocks blocks = window_blocks(s, context.threads());
  const Phases phases(s.axes, blocks.rows, blocks.columns);
  for (int64_t u = 0; u < s.axes[0].taps; ++u) {
    for (int64_t v = 0; v < s.axes[1].taps; ++v) {
      const int64_t first = (phases.phase(u, v) * phases.pixels() + phases.offset(u, v)) * s.pixel();
      for (int64_t c = 0; c < s.deep(); ++c)
        memory.offsets[(u * s.axes[1].taps + v) * s.deep() + c] = first + c * kDepth;
    }
  }
  for (int i = 0; i < context.threads(); ++i) finite_of_threads[i] = true;
  context.parallel(s.panels(), [&](int64_t panel, int thread) {
    if (!pack_panel(s, panel, memory.weights + panel * s.panel_items())) finite_of_threads[thread] = false;
  });
  context.parallel(blocks.count(), [&](int64_t index, int thread) {
    if (!sum_block<Unit>(s, blocks, memory, index, thread)) finite_of_threads[thread] = false;
  });
  for (int i = 0; i < context.threads(); ++i)
    if (!finite_of_threads[i]) return false;
  return true;
}

}  // namespace amx
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
