// Reads and checks the window arguments of convolution and pooling.
#include "ops/window.h"

#include "ops/op.h"

namespace hebb::ops {

namespace {

constexpr const char* kExtent[] = {"height", "width"};

// Sizes, strides, dilations and paddings up to here make sums and products that int64 holds.
constexpr int64_t kMost = int64_t{1} << 30;

void read_padding(const char* op, const std::vector<int64_t>& list, Window& window) {
  if (list.empty() || list.size() == 3 || list.size() > 4) {
    value_error(op, "padding has " + std::to_string(list.size()) +
                        " numbers; give 1, 2 ([vertical, horizontal]) or 4 ([top, bottom, left, right])");
  }
  for (int64_t number : list) {
    if (number < 0) value_error(op, "padding " + list_text(list) + " is negative; use 0 or more");
    if (number > kMost) value_error(op, "padding " + list_text(list) + " is too large; use at most 2^30");
  }
  const bool sides = list.size() == 4;
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t both = list[list.size() == 1 ? 0 : axis];
    window.before[axis] = sides ? list[2 * axis] : both;
    window.after[axis] = sides ? list[2 * axis + 1] : both;
  }
}

}  // namespace

std::string list_text(const std::vector<int64_t>& list) {
  std::string result = "[";
  for (size_t i = 0; i < list.size(); ++i) result += (i ? ", " : "") + std::to_string(list[i]);
  return result + "]";
}

void read_pair(const char* op, const char* name, const std::vector<int64_t>& list, int64_t least,
               int64_t (&pair)[2]) {
  if (list.size() != 1 && list.size() != 2) {
    value_error(op, text("%s has %zu numbers; give 1 or 2 ([vertical, horizontal])", name, list.size()));
  }
  for (int64_t number : list) {
    if (number < least) {
      value_error(op, text("%s %s is too small; use %lld or more", name, list_text(list).c_str(),
                           static_cast<long long>(least)));
    }
    if (number > kMost) {
      value_error(op, text("%s %s is too large; use at most 2^30", name, list_text(list).c_str()));
    }
  }
  pair[0] = list[0];
  pair[1] = list.back();
}

Window make_window(const char* op, const int64_t (&size)[2], const std::vector<int64_t>& stride,
                   const std::vector<int64_t>& padding, const std::vector<int64_t>& dilation) {
  Window window;
  for (int axis = 0; axis < 2; ++axis) {
    if (size[axis] < 1) {
      shape_error(op, text("a window of %lld x %lld has no elements; use sizes of 1 or more",
                           static_cast<long long>(size[0]), static_cast<long long>(size[1])));
    }
    if (size[axis] > kMost) {
      shape_error(op, text("a window of %lld x %lld is too large; use sizes of at most 2^30",
                           static_cast<long long>(size[0]), static_cast<long long>(size[1])));
    }
    window.size[axis] = size[axis];
  }
  read_pair(op, "stride", stride, 1, window.stride);
  read_pair(op, "dilation", dilation, 1, window.dilation);
  read_padding(op, padding, window);
  return window;
}

int64_t windows_along(const char* op, const Window& window, int axis, int64_t input) {
  const int64_t room = input + window.padding(axis) - window.span(axis);
  if (room < 0) {
    shape_error(
        op,
        text("%s %lld with padding %lld + %lld is smaller than the window, which spans %lld; use a smaller "
             "window or more padding",
             kExtent[axis], static_cast<long long>(input), static_cast<long long>(window.before[axis]),
             static_cast<long long>(window.after[axis]), static_cast<long long>(window.span(axis))));
  }
  return room / window.stride[axis] + 1;
}

}  // namespace hebb::ops
