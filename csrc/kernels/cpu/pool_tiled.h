// Maximum pooling whose windows lie side by side, none of them in padding (Geometry::tiled): every element of
// the image belongs to one window at most.
#pragma once

#include "kernels/cpu/lanes.h"
#include "kernels/cpu/pool_geometry.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace pool {

// The size of a window: the usual one is known to the compiler.
struct TwoByTwo {
  static constexpr int64_t down = 2, across = 2;
};
struct AnySize {
  int64_t down, across;
};

template <class F>
HEBB_INLINE void with_size(const PoolParams& p, F&& body) {
  if (p.size[0] == 2 && p.size[1] == 2) return body(TwoByTwo{});
  body(AnySize{p.size[0], p.size[1]});
}

// How many of the first windows of a row may use full vectors even where the last one of a pixel is not
// filled by its channels: what it reads lies in the row still, and what it writes beyond the pixel is written
// again with the next one.
template <class T>
HEBB_INLINE int64_t full_windows(const Geometry& g) {
  const int64_t excess = ceil_div(g.channels, V<T>::kWidth) * V<T>::kWidth - g.channels;
  return most(0, g.columns - ceil_div(excess, most(1, g.channels)));
}

// body(window, its first channel, lanes) for the vectors of a row of windows.
template <class T, class F>
HEBB_INLINE void for_window_vectors(const Geometry& g, F&& body) {
  const int64_t full = full_windows<T>(g);
  for (int64_t x = 0; x < full; ++x)
    for (int64_t c = 0; c < g.channels; c += V<T>::kWidth) body(x, c, AllLanes<T>{});
  for (int64_t x = full; x < g.columns; ++x)
    for_channels<T>(g.channels, [&](int64_t c, auto lanes) { body(x, c, lanes); });
}

// A row of windows over the rows of the image from `image` on.
template <class T, class Size>
void max_row(const Geometry& g, Size size, const T* image, T* y, T* taps) {
  using Vec = V<T>;
  const int64_t channels = g.channels, image_row = g.width * channels;
  for_window_vectors<T>(
      g, [&](int64_t x, int64_t c, auto lanes) __attribute__((always_inline)) {
        const T* row = image + x * size.across * channels + c;
        Vec best = lanes.load(row), where = Vec::zero();
#pragma GCC unroll 2
        for (int64_t u = 0; u < size.down; ++u, row += image_row) {
          const T* at = row;
#pragma GCC unroll 2
          for (int64_t v = 0; v < size.across; ++v, at += channels) {
            if (u + v == 0) continue;
            const Vec next = lanes.load(at);
            // Larger or NaN; a best that is NaN itself stays.
            const auto take = (!(next <= best)) & (best == best);
            best = select(take, next, best);
            where = select(take, Vec::set1(static_cast<T>(u * size.across + v)), where);
          }
        }
        lanes.store(best, y + x * channels + c);
        lanes.store(where, taps + x * channels + c);
      });
}

// The row of dx that tap row u of the windows covers. Pixels are written in their order, so that each is
// written after the one before it: see full_windows.
template <class T, class Size>
void max_grad_row(const Geometry& g, Size size, int64_t u, const T* dy, const T* taps, T* dx) {
  using Vec = V<T>;
  const int64_t channels = g.channels;
  const auto window = [&](int64_t x, int64_t c, int64_t v, auto lanes) __attribute__((always_inline)) {
    const Vec d = lanes.load(dy + x * channels + c), where = lanes.load(taps + x * channels + c);
    const auto mine = where == Vec::set1(static_cast<T>(u * size.across + v));
    lanes.store(select(mine, d, Vec::zero()), dx + (x * size.across + v) * channels + c);
  };
  const int64_t full = full_windows<T>(g);
  for (int64_t x = 0; x < full; ++x) {
#pragma GCC unroll 2
    for (int64_t v = 0; v < size.across; ++v)
      for (int64_t c = 0; c < channels; c += Vec::kWidth) window(x, c, v, AllLanes<T>{});
  }
  for (int64_t x = full; x < g.columns; ++x) {
    for (int64_t v = 0; v < size.across; ++v)
      for_channels<T>(channels, [&](int64_t c, auto lanes) { window(x, c, v, lanes); });
  }
  const int64_t covered = g.columns * size.across * channels, rest = g.width * channels - covered;
  __builtin_memset(dx + covered, 0, static_cast<size_t>(rest) * sizeof(T));
}

}  // namespace pool
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
