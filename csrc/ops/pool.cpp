// Max and average pooling: shapes, gradients and registry lines.
#include "ops/pool.h"

#include "kernels/pool.h"
#include "ops/reduce.h"
#include "ops/registry.h"
#include "ops/window.h"

namespace hebb::ops {

namespace {

using kernels::PoolParams;

// The numbers of a window's elements are held in f32, exactly up to here.
constexpr int64_t kMostTaps = int64_t{1} << 24;

void check_images(const char* op, const Tensor& x) {
  if (x.rank() != 4)
    shape_error(op, "x has shape " + x.shape().text() + "; use [batch, height, width, channels]");
}

// At most half of a window may be padding, else a window could lie outside the image.
Window pool_window(const char* op, const std::vector<int64_t>& size, const std::vector<int64_t>& stride,
                   const std::vector<int64_t>& padding, const std::vector<int64_t>& dilation) {
  int64_t extents[2];
  read_pair(op, "size", size, 1, extents);
  const Window window = make_window(op, extents, stride.empty() ? size : stride, padding, dilation);
  if (extents[0] * extents[1] > kMostTaps) {
    value_error(op, "a window of " + list_text(size) + " has too many elements; use at most 2^24");
  }
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t most = window.size[axis] / 2;
    const int64_t given = window.before[axis] > most ? window.before[axis] : window.after[axis];
    if (given > most) {
      value_error(op, text("padding %lld is more than half of the window's size %lld; use at most %lld",
                           static_cast<long long>(given), static_cast<long long>(extents[axis]),
                           static_cast<long long>(most)));
    }
  }
  return window;
}

int64_t pooled_extent(const char* op, const Window& window, int axis, int64_t input, bool ceil_mode) {
  int64_t extent = windows_along(op, window, axis, input);
  // One more where a part of a window is left, if it starts in the image or in the padding before it.
  const bool rest = (input + window.padding(axis) - window.span(axis)) % window.stride[axis] != 0;
  if (ceil_mode && rest && extent * window.stride[axis] < input + window.before[axis]) ++extent;
  return extent;
}

Shape pooled_shape(const char* op, const Window& window, const Shape& shape, bool ceil_mode) {
  return {shape[0], pooled_extent(op, window, 0, shape[1], ceil_mode),
          pooled_extent(op, window, 1, shape[2], ceil_mode), shape[3]};
}

PoolParams pool_params(const Window& window, bool count_pads) {
  PoolParams params{};
  for (int axis = 0; axis < 2; ++axis) {
    params.size[axis] = window.size[axis];
    params.stride[axis] = window.stride[axis];
    params.dilation[axis] = window.dilation[axis];
    params.before[axis] = window.before[axis];
    params.after[axis] = window.after[axis];
  }
  params.count_pads = count_pads;
  return params;
}

Tensor max_pool2d_pick(const Tensor& x, const Tensor& taps, const PoolParams& params);

// Linear in dy once the taps are known, and the transpose of max_pool2d_pick.
Tensor max_pool2d_grad(const Tensor& dy, const Tensor& taps, const Shape& shape, const PoolParams& params) {
  Tensor dx = empty(dy.dtype(), shape);
  submit(kernels::max_pool2d_grad, {dx}, {dy, taps}, params);
  return record(dx, {dy},
                [taps, params](const Tensor& g) { return Grads{max_pool2d_pick(g, taps, params)}; });
}

Tensor max_pool2d_pick(const Tensor& x, const Tensor& taps, const PoolParams& params) {
  Tensor y = empty(x.dtype(), taps.shape());
  submit(kernels::max_pool2d_pick, {y}, {x, taps}, params);
  return record(y, {x}, [taps, shape = x.shape(), params](const Tensor& g) {
    return Grads{max_pool2d_grad(g, taps, shape, params)};
  });
}

Tensor average(const Tensor& x, const Shape& pooled, const PoolParams& params);

Tensor avg_pool2d_grad(const Tensor& dy, const Shape& shape, const PoolParams& params) {
  Tensor dx = empty(dy.dtype(), shape);
  submit(kernels::avg_pool2d_grad, {dx}, {dy}, params);
  return record(dx, {dy},
                [pooled = dy.shape(), params](const Tensor& g) { return Grads{average(g, pooled, params)}; });
}

Tensor average(const Tensor& x, const Shape& pooled, const PoolParams& params) {
  Tensor y = empty(x.dtype(), pooled);
  submit(kernels::avg_pool2d, {y}, {x}, params);
  return record(y, {x}, [shape = x.shape(), params](const Tensor& dy) {
    return Grads{avg_pool2d_grad(dy, shape, params)};
  });
}

}  // namespace

Tensor max_pool2d(const Tensor& x, const std::vector<int64_t>& size, const std::vector<int64_t>& stride,
                  const std::vector<int64_t>& padding, const std::vector<int64_t>& dilation, bool ceil_mode) {
  check_images("max_pool2d", x);
  const Window window = pool_window("max_pool2d", size, stride, padding, dilation);
  const PoolParams params = pool_params(window, false);
  const Shape pooled = pooled_shape("max_pool2d", window, x.shape(), ceil_mode);
  Tensor y = empty(x.dtype(), pooled);
  Tensor taps = empty(window.size[0] * window.size[1] <= 256 ? DType::kU8 : DType::kI32, pooled);
  submit(kernels::max_pool2d, {y, taps}, {x}, params);
  return record(y, {x}, [taps, shape = x.shape(), params](const Tensor& dy) {
    return Grads{max_pool2d_grad(dy, taps, shape, params)};
  });
}

Tensor avg_pool2d(const Tensor& x, const std::vector<int64_t>& size, const std::vector<int64_t>& stride,
                  const std::vector<int64_t>& padding, bool ceil_mode, bool count_include_pad) {
  check_images("avg_pool2d", x);
  const Window window = pool_window("avg_pool2d", size, stride, padding, {1});
  return average(x, pooled_shape("avg_pool2d", window, x.shape(), ceil_mode),
                 pool_params(window, count_include_pad));
}

Tensor global_avg_pool2d(const Tensor& x, bool keep_dims) {
  check_images("global_avg_pool2d", x);
  return mean(x, Axes{std::vector<int64_t>{1, 2}}, keep_dims);
}

std::vector<OpSpec> pool_ops() {
  return {
      op("max_pool2d", &max_pool2d, DTypes::kFloats, Result::kSame, kPlain,
         "The largest element of each window of images [batch, height, width, channels]: y[n, i, j, c] = max "
         "over u, v of "
         "x[n, i stride + u dilation - padding, j stride + v dilation - padding, c]; stride is the size "
         "unless given; ceilMode also takes windows that reach past the end.",
         arg("x"), arg("size", "[2, 2]"), arg("stride", "[]"), arg("padding", "[0, 0]"),
         arg("dilation", "[1, 1]"), arg("ceilMode", false)),
      op("avg_pool2d", &avg_pool2d, DTypes::kFloats, Result::kSame, kPlain,
         "The mean of each window of images [batch, height, width, channels]; padding counts as zeros unless "
         "countIncludePad is false; stride is the size unless given; ceilMode also takes windows that reach "
         "past "
         "the end.",
         arg("x"), arg("size", "[2, 2]"), arg("stride", "[]"), arg("padding", "[0, 0]"),
         arg("ceilMode", false), arg("countIncludePad", true)),
      op("global_avg_pool2d", &global_avg_pool2d, DTypes::kFloats, Result::kSame, kPlain,
         "The mean of each channel of images [batch, height, width, channels] over height and width.",
         arg("x"), arg("keepDims", false)),
  };
}

}  // namespace hebb::ops
