// Window: the sliding geometry that convolution and pooling share, with its checks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/shape.h"

namespace hebb::ops {

// Index 0 is vertical, 1 horizontal. `before` pads top and left, `after` bottom and right.
struct Window {
  int64_t size[2], stride[2], dilation[2], before[2], after[2];

  // The input rows or columns one window spans.
  int64_t span(int axis) const { return dilation[axis] * (size[axis] - 1) + 1; }
  int64_t padding(int axis) const { return before[axis] + after[axis]; }
};

// stride and dilation hold one number for both axes or [vertical, horizontal]; padding also [top, bottom,
// left, right].
Window make_window(const char* op, const int64_t (&size)[2], const std::vector<int64_t>& stride,
                   const std::vector<int64_t>& padding, const std::vector<int64_t>& dilation);

// One number for both axes, or two, each at least `least`.
void read_pair(const char* op, const char* name, const std::vector<int64_t>& list, int64_t least,
               int64_t (&pair)[2]);

// floor((input + padding - span) / stride) + 1; throws where the window is larger than the padded input.
int64_t windows_along(const char* op, const Window& window, int axis, int64_t input);

// "[1, 2]".
std::string list_text(const std::vector<int64_t>& list);

}  // namespace hebb::ops
