// Bands: the pixels of images that a block of windows looks at, with the padding around them written out as
// zeros.
#pragma once

#include "kernels/cpu/simd.h"
#include "kernels/cpu/tasks.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace conv {

// Images of which `depth` of the `channels` are looked at: all, or those of a group.
template <class T>
struct Images {
  const T* data;  // the first channel looked at of the first pixel
  int64_t batch, height, width, channels, depth;

  HEBB_INLINE int64_t extent(int axis) const { return axis == 0 ? height : width; }
};

// Where the windows lie along one axis: tap u of window i is at from + i * step + u * gap.
struct Axis {
  int64_t from, step, gap, taps;

  HEBB_INLINE int64_t at(int64_t window) const { return from + window * step; }
  // What `windows` neighbours span.
  HEBB_INLINE int64_t span(int64_t windows) const { return (windows - 1) * step + (taps - 1) * gap + 1; }
  // The first tap of a window that is at 0 or later, and the one after the last before `extent`.
  HEBB_INLINE int64_t first_tap(int64_t window) const {
    const int64_t start = at(window);
    return start >= 0 ? 0 : least(taps, ceil_div(-start, gap));
  }
  HEBB_INLINE int64_t end_tap(int64_t window, int64_t extent) const {
    const int64_t room = extent - at(window);
    if (room > (taps - 1) * gap) return taps;
    return room <= 0 ? 0 : least(taps, ceil_div(room, gap));
  }
};

// Windows y0..y1-1 by x0..x1-1 of images n0..n1-1.
struct Block {
  int64_t n0, n1, y0, y1, x0, x1;

  HEBB_INLINE int64_t rows() const { return y1 - y0; }
  HEBB_INLINE int64_t columns() const { return x1 - x0; }
};

// Points at tap 0, 0 of the block's first window; steps in elements.
template <class T>
struct Band {
  const T* data;
  int64_t image, row, pixel;
};

// Elements of memory for the band of a block; a full vector may be read from any of them.
template <class T>
HEBB_INLINE int64_t band_space(const Axis (&axes)[2], int64_t images, int64_t rows, int64_t columns,
                               int64_t depth) {
  const int64_t elements = images * axes[0].span(rows) * axes[1].span(columns) * depth + V<T>::kWidth;
  return ceil_div(elements, 16) * 16;
}

template <class T>
HEBB_INLINE void zero_run(T* to, int64_t count) {
  __builtin_memset(to, 0, static_cast<size_t>(count) * sizeof(T));
}

// Pixels x..x+columns-1 of a row, those outside the image as zeros.
template <class T>
void copy_row(T* to, const Images<T>& in, const T* row, int64_t x, int64_t columns) {
  const int64_t begin = x < 0 ? least(-x, columns) : 0;
  const int64_t end = most(begin, least(columns, in.width - x));
  zero_run(to, begin * in.depth);
  const T* from = row + (x + begin) * in.channels;
  T* at = to + begin * in.depth;
  if (in.depth == in.channels) {
    __builtin_memcpy(at, from, static_cast<size_t>((end - begin) * in.depth) * sizeof(T));
  } else {
    for (int64_t i = begin; i < end; ++i, at += in.depth, from += in.channels)
      for (int64_t c = 0; c < in.depth; ++c) at[c] = from[c];
  }
  zero_run(to + end * in.depth, (columns - end) * in.depth);
}

// The band of a block: the images themselves where no window leaves them and `copy` does not ask, else a copy
// in space.
template <class T>
Band<T> take_band(const Images<T>& in, const Axis (&axes)[2], const Block& block, bool copy, T* space) {
  const int64_t top = axes[0].at(block.y0), left = axes[1].at(block.x0);
  const int64_t rows = axes[0].span(block.rows()), columns = axes[1].span(block.columns());
  const int64_t row = in.width * in.channels, image = in.height * row;
  const bool inside = top >= 0 && left >= 0 && top + rows <= in.height && left + columns <= in.width;
  if (inside && !copy)
    return {in.data + block.n0 * image + top * row + left * in.channels, image, row, in.channels};
  const int64_t band_row = columns * in.depth;
  T* to = space;
  for (int64_t n = block.n0; n < block.n1; ++n) {
    for (int64_t y = top; y < top + rows; ++y, to += band_row) {
      if (y < 0 || y >= in.height) {
        zero_run(to, band_row);
      } else {
        copy_row(to, in, in.data + n * image + y * row, left, columns);
      }
    }
  }
  // Read by full vectors whose last lanes are not used, so any number will do.
  zero_run(to, V<T>::kWidth);
  return {space, rows * band_row, band_row, in.depth};
}

}  // namespace conv
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
