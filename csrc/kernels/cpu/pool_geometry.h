// The sizes of one pooling and the elements of its windows.
#pragma once

#include "kernels/cpu/tasks.h"
#include "kernels/pool.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace pool {

// The image and the pooled operand of one command.
struct Geometry {
  int64_t batch, height, width, channels, rows, columns;
  PoolParams params;
  bool overlaps;  // an element may lie in several windows
  bool tiled;     // windows lie side by side from the first pixel on, all of them inside the image

  Geometry(const stream::Operand& image, const stream::Operand& pooled, const PoolParams& p)
      : batch(image.shape[0]),
        height(image.shape[1]),
        width(image.shape[2]),
        channels(image.shape[3]),
        rows(pooled.shape[1]),
        columns(pooled.shape[2]),
        params(p),
        overlaps(false),
        tiled(rows * p.size[0] <= height && columns * p.size[1] <= width) {
    for (int axis = 0; axis < 2; ++axis) {
      overlaps = overlaps || p.stride[axis] <= (p.size[axis] - 1) * p.dilation[axis];
      tiled = tiled && p.stride[axis] == p.size[axis] && p.dilation[axis] == 1 && p.before[axis] == 0;
    }
  }

  // Rows of the image or of windows per task.
  HEBB_INLINE int64_t grain() const {
    return task_grain(columns * channels * params.size[0] * params.size[1]);
  }
  HEBB_INLINE int64_t image_row(int64_t n, int64_t y) const { return (n * height + y) * width * channels; }
  HEBB_INLINE int64_t pooled_row(int64_t n, int64_t y) const { return (n * rows + y) * columns * channels; }
};

// The elements of one window along one axis: taps first..end-1 are inside the image, tap t at start + t *
// dilation.
struct Span {
  int64_t start, first, end;
};

HEBB_INLINE Span window_span(const PoolParams& p, int axis, int64_t window, int64_t extent) {
  const int64_t start = window * p.stride[axis] - p.before[axis], dilation = p.dilation[axis];
  if (start >= 0 && start + (p.size[axis] - 1) * dilation < extent) return {start, 0, p.size[axis]};
  const int64_t first = start >= 0 ? 0 : ceil_div(-start, dilation);
  const int64_t end = extent <= start ? 0 : least(p.size[axis], ceil_div(extent - start, dilation));
  return {start, first, most(first, end)};
}

}  // namespace pool
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
