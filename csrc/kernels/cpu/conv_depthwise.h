// Depthwise convolution, one channel in and one out: vectors run over the channels.
#pragma once

#include "kernels/cpu/conv_weight.h"
#include "kernels/cpu/lanes.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace conv {

// The taps u0..u1-1 by v0..v1-1, those inside the image.
struct TapRange {
  int64_t u0, u1, v0, v1;
};

// kPixels neighbouring outputs with the same taps inside the image; `in` points at the first tap of the first
// of them.
template <class T, int kPixels>
void depthwise_pixels(const Correlation<T>& c, const T* in, const TapRange& taps, T* out) {
  using Vec = V<T>;
  const int64_t channels = c.outs, pixel = c.axes[1].step * channels;
  const int64_t tap_row = c.axes[0].gap * c.in.width * channels, tap_column = c.axes[1].gap * channels;
  const T* weights = c.weights + (taps.u0 * c.axes[1].taps + taps.v0) * channels;
  for_channels<T>(channels, [&](int64_t channel, auto lanes) {
    Vec acc[kPixels];
    const Vec start = c.bias ? lanes.load(c.bias + channel) : Vec::set1(T(0));
#pragma GCC unroll 4
    for (int p = 0; p < kPixels; ++p) acc[p] = start;
    const T *row = in + channel, *w_row = weights + channel;
    for (int64_t u = taps.u0; u < taps.u1; ++u, row += tap_row, w_row += c.axes[1].taps * channels) {
      const T *x = row, *w = w_row;
      for (int64_t v = taps.v0; v < taps.v1; ++v, x += tap_column, w += channels) {
        const Vec wv = lanes.load(w);
#pragma GCC unroll 4
        for (int p = 0; p < kPixels; ++p) acc[p] = fma(lanes.load(x + p * pixel), wv, acc[p]);
      }
    }
#pragma GCC unroll 4
    for (int p = 0; p < kPixels; ++p) {
      if (c.relu) acc[p] = max(acc[p], Vec::set1(T(0)));
      lanes.store(acc[p], out + p * c.out_pixel + channel);
    }
  });
}

template <class T>
void depthwise_row(const Correlation<T>& c, int64_t n, int64_t y) {
  constexpr int kPixels = 4;
  const Axis &down = c.axes[0], &across = c.axes[1];
  const int64_t u0 = down.first_tap(y), u1 = most(u0, down.end_tap(y, c.in.height));
  const T* row = c.in.data + n * c.in.height * c.in.width * c.in.channels;
  // With no tap inside, nothing is read: the pointer only has to be one.
  if (u1 > u0) row += (down.at(y) + u0 * down.gap) * c.in.width * c.in.channels;
  T* out = c.out + n * c.out_image + y * c.out_row;
  for (int64_t x = 0; x < c.columns;) {
    const int64_t v0 = across.first_tap(x), v1 = most(v0, across.end_tap(x, c.in.width));
    const T* in = v1 > v0 ? row + (across.at(x) + v0 * across.gap) * c.in.channels : row;
    const bool inside = v0 == 0 && v1 == across.taps && x + kPixels <= c.columns &&
                        across.end_tap(x + kPixels - 1, c.in.width) == across.taps;
    if (inside) {
      depthwise_pixels<T, kPixels>(c, in, {u0, u1, v0, v1}, out + x * c.out_pixel);
    } else {
      depthwise_pixels<T, 1>(c, in, {u0, u1, v0, v1}, out + x * c.out_pixel);
    }
    x += inside ? kPixels : 1;
  }
}

// Whether the outputs of a row lie in runs that an epilogue can follow.
template <class T>
HEBB_INLINE bool has_long_depthwise_runs(const Correlation<T>& c) {
  return (c.outs == c.out_pixel ? c.columns * c.outs : c.outs) >= kLongRun;
}

// weights [tap, channel].
template <class T>
void correlate_depthwise(stream::Context& context, const Correlation<T>& c) {
  const int64_t size = c.columns * c.outs * (1 + c.axes[0].taps * c.axes[1].taps);
  parallel_items(context, c.in.batch * c.rows, task_grain(size), [&](int64_t item, int thread) {
    const int64_t n = item / c.rows, y = item % c.rows;
    depthwise_row(c, n, y);
    end_block(c, {n, n + 1, y, y + 1, 0, c.columns}, 0, c.outs, thread);
  });
}

// sums[tap, channel] += sum over x of dy[x] in[x + tap], for kCount vectors of one tap of one row of windows.
template <class T, int kCount, class Lanes>
HEBB_INLINE void depthwise_sum(const T* in, int64_t in_step, const T* dy, int64_t channels, int64_t windows,
                               Lanes lanes, T* sums) {
  using Vec = V<T>;
  Vec acc[kCount];
#pragma GCC unroll 4
  for (int j = 0; j < kCount; ++j) acc[j] = lanes.load(sums + j * Vec::kWidth);
  for (int64_t x = 0; x < windows; ++x, in += in_step, dy += channels) {
#pragma GCC unroll 4
    for (int j = 0; j < kCount; ++j)
      acc[j] = fma(lanes.load(in + j * Vec::kWidth), lanes.load(dy + j * Vec::kWidth), acc[j]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < kCount; ++j) lanes.store(acc[j], sums + j * Vec::kWidth);
}

// Adds what the windows of row y of image n give to sums [tap, channel].
template <class T>
void depthwise_weight_row(const WeightSum<T>& s, int64_t n, int64_t y, T* sums) {
  constexpr int kCount = 4;
  const int64_t width = V<T>::kWidth, channels = s.in.channels;
  const Axis &down = s.axes[0], &across = s.axes[1];
  for (int64_t u = down.first_tap(y); u < down.end_tap(y, s.in.height); ++u) {
    const T* row = s.in.data + (n * s.in.height + down.at(y) + u * down.gap) * s.in.width * channels;
    for (int64_t v = 0; v < across.taps; ++v) {
      const int64_t offset = across.from + v * across.gap;
      const int64_t x0 = offset >= 0 ? 0 : ceil_div(-offset, across.step);
      const int64_t x1 =
          offset >= s.in.width ? 0 : least(s.columns, ceil_div(s.in.width - offset, across.step));
      if (x1 <= x0) continue;
      const T* in = row + (offset + x0 * across.step) * channels;
      const T* dy = s.dy + ((n * s.rows + y) * s.columns + x0) * channels;
      T* to = sums + (u * across.taps + v) * channels;
      int64_t c = 0;
      for (; c + kCount * width <= channels; c += kCount * width)
        depthwise_sum<T, kCount>(in + c, across.step * channels, dy + c, channels, x1 - x0, AllLanes<T>{},
                                 to + c);
      for_channels<T>(channels - c, [&](int64_t rest, auto lanes) {
        const int64_t at = c + rest;
        depthwise_sum<T, 1>(in + at, across.step * channels, dy + at, channels, x1 - x0, lanes, to + at);
      });
    }
  }
}

// Partial sums of a depthwise weight gradient: the rows of windows are cut into this many parts.
template <class T>
HEBB_INLINE int64_t depthwise_parts(const WeightSum<T>& s) {
  return least(kEnoughTasks, s.in.batch * s.rows);
}

// sums has room for depthwise_parts() times all weights.
template <class T>
void sum_depthwise(stream::Context& context, const WeightSum<T>& s, T* sums) {
  const int64_t parts = depthwise_parts(s), rows = s.in.batch * s.rows;
  const int64_t taps = s.axes[0].taps * s.axes[1].taps, channels = s.in.channels, size = taps * channels;
  context.parallel(parts, [&](int64_t part, int) {
    T* own = sums + part * size;
    zero_run(own, size);
    for (int64_t row = rows * part / parts; row < rows * (part + 1) / parts; ++row)
      depthwise_weight_row(s, row / s.rows, row % s.rows, own);
  });
  for (int64_t tap = 0; tap < taps; ++tap) {
    for (int64_t c = 0; c < channels; ++c) {
      T sum = sums[tap * channels + c];
      for (int64_t part = 1; part < parts; ++part) sum += sums[part * size + tap * channels + c];
      s.dw[c * taps + tap] = sum;
    }
  }
}

}  // namespace conv
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
