// The filters of Winograd's convolution: transformed into panels of output channels, as its products read
// them.
#pragma once

#include "kernels/cpu/gemm_pack.h"
#include "kernels/cpu/winograd_tiles.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace winograd {

// The filters of a correlation of `depth` channels with `outs` outputs, as they lie in the weights of a
// convolution, [out, 3, 3, channel].
struct Filters {
  const float* data;
  int64_t depth, outs;
  // The input gradient: the convolution's channels are the outputs, and taps run backwards.
  bool turned;

  HEBB_INLINE int64_t panels() const { return ceil_div(outs, kPanel); }
  // The columns of a panel: whole vectors.
  HEBB_INLINE int width(int64_t panel) const {
    return static_cast<int>(outs - panel * kPanel <= kVectorLanes ? kVectorLanes : kPanel);
  }
};

// Channels whose taps are brought together at once: they stay in the first cache.
inline constexpr int64_t kFilterChannels = 16;
inline constexpr int64_t kFilterSpace = kTaps2 * kFilterChannels * kPanel;

// taps[tap][channel][output] of channels k..k+count-1 and the outputs of a panel, with 0 for outputs there
// are not.
HEBB_INLINE void gather_taps(const Filters& f, int64_t panel, int64_t k, int64_t count, float* taps) {
  const int width = f.width(panel);
  const int64_t first = panel * kPanel;
  const int outs = static_cast<int>(least(width, f.outs - first));
  for (int tap = 0; tap < kTaps2; ++tap, taps += kFilterChannels * width) {
    if (f.turned) {
      tile::copy_rows(taps, width, f.data + (k * kTaps2 + kTaps2 - 1 - tap) * f.outs + first, kTaps2 * f.outs,
                      outs, width, count);
      continue;
    }
    const float* rows[kPanel];
    for (int j = 0; j < width; ++j)
      rows[j] = j < outs ? f.data + ((first + j) * kTaps2 + tap) * f.depth + k : nullptr;
    tile::interleave(taps, width, rows, width, count);
  }
}

// to[point][k - k0][output]: the filters of a panel for channels k0..k1-1. `space` has kFilterSpace elements.
inline void transform_filters(const Filters& f, int64_t panel, int64_t k0, int64_t k1, const Points& points,
                              float* space, float* to) {
  const int width = f.width(panel);
  const int64_t tap_step = kFilterChannels * width;
  for (int64_t k = k0; k < k1; k += kFilterChannels) {
    const int64_t count = least(kFilterChannels, k1 - k);
    gather_taps(f, panel, k, count, space);
    float* first = to + (k - k0) * points.row;
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t j = 0; j < width; j += kVectorLanes) {
        const float* taps = space + i * width + j;
        float* out = first + i * points.row + j;
        transform<kTaps, kPoints>(
            [](const auto& g, auto& u) { filter_line(g, u); },
            [&](int y, int x) { return Vec::load(taps + (y * kTaps + x) * tap_step); },
            [&](int y, int x, Vec u) { u.store(out + (y * kPoints + x) * points.point); });
      }
    }
  }
}

}  // namespace winograd
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
