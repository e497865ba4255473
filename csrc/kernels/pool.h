// The commands of pooling: windows over images [batch, height, width, channels].
#pragma once

#include "stream/command.h"

namespace hebb::kernels {

// Index 0 is vertical, 1 horizontal. `before` pads top and left, `after` bottom and right.
struct PoolParams {
  int64_t size[2];
  int64_t stride[2];
  int64_t dilation[2];
  int64_t before[2];
  int64_t after[2];
  bool count_pads;  // averages divide by elements of padding too
};

// y, taps; x. y is the largest of each window, taps (u8, or i32 where a window has more than 256 elements)
// where in the window it lies, row * size[1] + column: the first of equal ones; a NaN is the largest.
extern stream::Slot max_pool2d;
// dx; dy, taps: each dy goes to the element that taps names.
extern stream::Slot max_pool2d_grad;
// y; x, taps: the element of each window that taps names; the transpose of max_pool2d_grad.
extern stream::Slot max_pool2d_pick;
// y; x: the mean of each window.
extern stream::Slot avg_pool2d;
// dx; dy: each dy is shared out among the elements of its window; the transpose of avg_pool2d.
extern stream::Slot avg_pool2d_grad;

}  // namespace hebb::kernels
