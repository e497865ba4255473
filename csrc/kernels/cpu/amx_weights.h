// The weight gradient of convolutions on the tile unit: products of outputs by windows, summed over pixels.
//
// Pixels are k. Windows are numbered as in amx_windows.h, row behind row over some images, and dy is zero for
// those past the end of a row; x is copied as pairs of pixels that follow each other, each pixel once as the
// first and once as the second, so that a tile for any tap is there as it lies.
#pragma once

#include "kernels/cpu/amx_windows.h"
#include "kernels/cpu/conv_geometry.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace amx {

using conv::Geometry;

// Blocks of windows that are summed at a time, in `parts` parts that are added in order.
template <int kTerms>
struct WeightPlan {
  Images<float> in;
  Axis axes[2];
  int64_t rows, columns, outs;
  WindowBlocks blocks;  // `images` counts groups of `group` images here
  int64_t group;
  int64_t parts;

  // Items of a block, of dy and of one panel of x: half of the L2 cache.
  static constexpr int64_t kItems = 1 << 19;
  static constexpr int64_t kMostParts = 16, kPartElements = 1 << 20;

  explicit WeightPlan(const Geometry& g)
      : in(g.images<float>(nullptr, 0)),
        axes{g.axis(0), g.axis(1)},
        rows(g.rows),
        columns(g.columns),
        outs(g.outs),
        blocks{g.batch, rows, columns, rows, columns},
        group(1) {
    const int64_t most_pixels = most(8 * kDepth, kItems / kTerms / (bands() * kBand + 2 * kBand));
    const auto pixels = [&] { return Phases(axes, blocks.rows, blocks.columns).pixels(); };
    while (blocks.rows > 1 && pixels() > most_pixels) blocks.rows = ceil_div(blocks.rows, 2);
    while (blocks.rows == 1 && blocks.columns > most_pixels) blocks.columns = ceil_div(blocks.columns, 2);
    if (blocks.rows == rows && blocks.columns == columns)
      group = most(1, least(g.batch, most_pixels / most(1, pixels())));
    blocks.images = ceil_div(g.batch, group);
    parts = most(1, least(least(blocks.count(), kMostParts), kPartElements / part_size()));
  }

  HEBB_INLINE int64_t taps() const { return axes[0].taps * axes[1].taps; }
  HEBB_INLINE int64_t bands() const { return ceil_div(outs, kBand); }
  HEBB_INLINE int64_t panels() const { return ceil_div(in.depth, kBand); }
  // Elements of a part: [bands kBand, taps, panels kBand].
  HEBB_INLINE int64_t part_row() const { return taps() * panels() * kBand; }
  HEBB_INLINE int64_t part_size() const { return bands() * kBand * part_row(); }
  HEBB_INLINE Phases phases() const { return Phases(axes, blocks.rows, blocks.columns); }
  HEBB_INLINE int64_t steps() const { return ceil_div(group * phases().pixels(), kDepth); }
  HEBB_INLINE int64_t dy_items() const { return bands() * steps() * kTerms * kBandItems; }
  // A pair of kBand channels for each pixel of the phases of all images, and what the last tiles read behind.
  HEBB_INLINE int64_t plane_items() const {
    return (group * phases().count() * phases().pixels() + phases().pixels() + 2 * kDepth) * 2 * kBand;
  }
};

// One block: its first image, row and column, and what there is of each.
struct WindowBlock {
  int64_t n0, y0, x0, images, rows, columns;
};

template <int kTerms>
WindowBlock block_of(const WeightPlan<kTerms>& s, int64_t index) {
  const int64_t across = index % s.blocks.across(), down = index / s.blocks.across() % s.blocks.down();
  const int64_t n = index / s.blocks.across() / s.blocks.down();
  WindowBlock b{n * s.group, down * s.blocks.rows, across * s.blocks.columns, 0, 0, 0};
  b.images = least(s.group, s.in.batch - b.n0);
  b.rows = least(s.blocks.rows, s.rows - b.y0), b.columns = least(s.blocks.columns, s.columns - b.x0);
  return b;
}

// dy as bands of outputs by windows: [band][step] tiles.
template <int kTerms>
bool pack_outputs(const WeightPlan<kTerms>& s, const WindowBlock& block, const float* dy, uint16_t* to) {
  const Phases phases = s.phases();
  const int64_t width = phases.extent[1], pixels = phases.pixels(), steps = s.steps();
  bool finite = true;
  for (int64_t step = 0; step < steps; ++step) {
    Source source{{}, true, 0, kDepth};
    const float* at[kDepth];
    for (int k = 0; k < kDepth; ++k) {
      const int64_t window = step * kDepth + k, n = window / pixels, y = window % pixels / width;
      const int64_t x = window % width;
      const bool there = n < block.images && y < block.rows && x < block.columns;
      at[k] = there ? dy + (((block.n0 + n) * s.rows + block.y0 + y) * s.columns + block.x0 + x) * s.outs
                    : nullptr;
    }
    for (int64_t half = 0; half * kSide < s.outs; ++half) {
      source.lines = static_cast<int>(least(kSide, s.outs - half * kSide));
      for (int k = 0; k < kDepth; ++k) source.at[k] = at[k] ? at[k] + half * kSide : nullptr;
      uint16_t* tile = to + (half / 2 * steps + step) * kTerms * kBandItems + half % 2 * kTileItems;
      if (!pack_tile<kTerms, Order::kLines>(source, tile, kBandItems)) finite = false;
    }
  }
  return finite;
}

// kBand channels of x from c0, in pairs of pixels: [phase][image][pixel][channel][2].
template <int kTerms>
bool pack_images(const WeightPlan<kTerms>& s, const WindowBlock& block, const float* x, int64_t c0,
                 uint16_t* to) {
  const Phases phases = s.phases();
  const int64_t plane = s.plane_items(), depth = least(kBand, s.in.depth - c0);
  const Images<float> in{x, s.in.batch, s.in.height, s.in.width, s.in.channels, s.in.depth};
  bool finite = true;
  const __m512i none = _mm512_setzero_si512();
  for (int64_t i = 0; i < kTerms * plane; i += kDepth) _mm512_storeu_si512(to + i, none);
  for (int64_t n = 0; n < block.images; ++n) {
    phases.each(in, block.n0 + n, block.y0, block.x0, [&](int64_t phase, int64_t pixel, const float* from) {
      if (from == nullptr) return;
      uint16_t* place = to + ((phase * s.group + n) * phases.pixels() + pixel) * 2 * kBand;
      for (int half = 0; half * kSide < depth; ++half) {
        const __mmask16 there = first(static_cast<int>(depth) - half * kSide);
        const Terms<kTerms> words =
            split<kTerms>(_mm512_maskz_loadu_ps(there, from + c0 + half * kSide), &finite);
        for (int t = 0; t < kTerms; ++t) {
          // The second of the pair before it, and the first of its own.
          uint16_t* own = place + t * plane + half * kDepth;
          uint16_t* before = own - 2 * kBand;
          _mm512_storeu_si512(own, _mm512_or_si512(_mm512_loadu_si512(own), paired(words.term[t], none)));
          if (before < to) continue;
          _mm512_storeu_si512(before, _mm512_or_si512(_mm512_loadu_si512(before), words.term[t]));
        }
      }
    });
  }
  return finite;
}

template <int kTerms>
struct WeightMemory {
  float* sums = nullptr;
  uint16_t *outputs = nullptr, *images = nullptr;

  void carve(Carver& carver, const WeightPlan<kTerms>& s, int threads) {
    sums = carver.take<float>(s.parts * s.part_size());
    outputs = carver.take<uint16_t>(threads * s.dy_items());
    images = carver.take<uint16_t>(threads * kTerms * s.plane_items());
  }
};

// Panels first..last-1 of one part's sums.
template <class Unit, int kTerms>
bool sum_part(const WeightPlan<kTerms>& s, const WeightMemory<kTerms>& memory,
              const float* const (&operands)[2], int64_t part, int64_t first_panel, int64_t last_panel,
              int thread) {
  const Phases phases = s.phases();
  uint16_t* dy = memory.outputs + thread * s.dy_items();
  uint16_t* x = memory.images + thread * kTerms * s.plane_items();
  const int64_t begin = s.blocks.count() * part / s.parts, end = s.blocks.count() * (part + 1) / s.parts;
  bool finite = true;
  Unit unit;
  unit.begin();
  for (int64_t index = begin; index < end; ++index) {
    const WindowBlock block = block_of(s, index);
    if (!pack_outputs(s, block, operands[1], dy)) finite = false;
    for (int64_t panel = first_panel; panel < last_panel; ++panel) {
      if (!pack_images(s, block, operands[0], panel * kBand, x)) finite = false;
      const int columns = static_cast<int>(least(kBand, s.in.depth - panel * kBand));
      for (int64_t band = 0; band < s.bands(); ++band) {
        const int rows = static_cast<int>(least(kBand, s.outs - band * kBand));
        const Tiles a = packed_tiles<kTerms>(dy + band * s.steps() * kTerms * kBandItems);
        for (int64_t tap = 0; tap < s.taps(); ++tap) {
          const int64_t u = tap / s.axes[1].taps, v = tap % s.axes[1].taps;
          const int64_t first = phases.phase(u, v) * s.group * phases.pixels() + phases.offset(u, v);
          // Rows of a tile are pairs: every second pixel.
          const Tiles b{x + first * 2 * kBand, s.plane_items(), kDepth, 2 * 2 * 2 * kBand,
                        kDepth * 2 * kBand};
          float* to = memory.sums + part * s.part_size() + band * kBand * s.part_row() +
                      (tap * s.panels() + panel) * kBand;
          multiply_band<Unit, kTerms>(unit, a, b, s.steps(), rows, columns, to, s.part_row(), index > begin);
        }
      }
    }
  }
  unit.end();
  return finite;
}

// dw [outs, taps, depth]: the parts of an output, added in order.
template <int kTerms>
void add_weight_parts(const WeightPlan<kTerms>& s, const float* sums, float* dw, int64_t o) {
  for (int64_t tap = 0; tap < s.taps(); ++tap) {
    const float* from = sums + o * s.part_row() + tap * s.panels() * kBand;
    float* to = dw + (o * s.taps() + tap) * s.in.depth;
    for (int64_t c = 0; c < s.in.depth; c += V<float>::kWidth) {
      V<float> sum = V<float>::load(from + c);
      for (int64_t part = 1; part < s.parts; ++part)
        sum = sum + V<float>::load(from + part * s.part_size() + c);
      sum.store_partial(to + c, least(V<float>::kWidth, s.in.depth - c));
    }
  }
}

// Whether all values that were read are finite: else dw is not to be used.
template <class Unit, int kTerms>
bool sum_weights(stream::Context& context, const WeightPlan<kTerms>& s, const WeightMemory<kTerms>& memory,
                 const float* const (&operands)[2], float* dw, bool* finite_of_threads) {
  for (int i = 0; i < context.threads(); ++i) finite_of_threads[i] = true;
  const int64_t groups = least(s.panels(), ceil_div(2 * context.threads(), s.parts));
  context.parallel(s.parts * groups, [&](int64_t task, int thread) {
    const int64_t part = task / groups, group = task % groups;
    if (!sum_part<Unit>(s, memory, operands, part, s.panels() * group / groups,
                        s.panels() * (group + 1) / groups, thread))
      finite_of_threads[thread] = false;
  });
  for (int i = 0; i < context.threads(); ++i)
    if (!finite_of_threads[i]) return false;
  parallel_items(context, s.outs, task_grain(s.taps() * s.in.depth * s.parts),
                 [&](int64_t o, int) { add_weight_parts(s, memory.sums, dw, o); });
  return true;
}

}  // namespace amx
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
