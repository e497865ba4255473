// Convolution and its two gradients. The three are bilinear, and the gradients of each are the other two:
// every order of derivative comes from them.
#include "ops/conv.h"

#include <algorithm>
#include <cstdint>

#include "kernels/conv.h"
#include "ops/elementwise.h"
#include "ops/environment.h"
#include "ops/reduce.h"
#include "ops/registry.h"
#include "ops/window.h"

namespace hebb::ops {

namespace {

using kernels::ConvParams;

// What the three ops of one convolution share: the window and the groups.
struct Convolution {
  Window window;
  int64_t groups;

  ConvParams params(int64_t activation = kernels::kActivationNone, bool has_bias = false) const {
    return {{window.stride[0], window.stride[1]},
            {window.dilation[0], window.dilation[1]},
            {window.before[0], window.before[1]},
            groups,
            activation,
            has_bias,
            kernels::kConvByShape,
            Environment::current().precision()};
  }
};

using Sizes = const int64_t (&)[2];

Convolution make_convolution(const char* op, Sizes size, const std::vector<int64_t>& stride,
                             const std::vector<int64_t>& padding, const std::vector<int64_t>& dilation,
                             int64_t groups) {
  if (groups < 1) value_error(op, "groups is " + std::to_string(groups) + "; use 1 or more");
  return {make_window(op, size, stride, padding, dilation), groups};
}

void check_rank(const char* op, const char* name, const Tensor& x, const char* layout) {
  if (x.rank() != 4)
    shape_error(op, std::string(name) + " has shape " + x.shape().text() + "; use " + layout);
}

constexpr const char* kImages = "[batch, height, width, channels]";
constexpr const char* kOutputs = "[batch, rows, columns, out]";
constexpr const char* kWeights = "[out, kh, kw, channels / groups]";

// A product of counts that empty tensors may have; too large ones stay so, and are refused as extents.
int64_t times(int64_t a, int64_t b) {
  int64_t product;
  return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

void check_groups(const char* op, const char* what, int64_t channels, int64_t groups) {
  if (channels % groups != 0) {
    value_error(op, text("%lld %s do not divide into %lld groups; use a divisor of %lld",
                         static_cast<long long>(channels), what, static_cast<long long>(groups),
                         static_cast<long long>(channels)));
  }
}

// Kernels copy padded parts of the image; up to here their sizes cannot overflow.
constexpr int64_t kMostPadded = int64_t{1} << 40;

Shape output_shape(const char* op, const Convolution& conv, const Shape& image, int64_t outs) {
  int64_t padded = std::max<int64_t>(image[3], 1);
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t extent = std::max<int64_t>(image[axis + 1] + conv.window.padding(axis), 1);
    if (__builtin_mul_overflow(padded, extent, &padded) || padded > kMostPadded) {
      shape_error(op,
                  "images " + image.text() + " have more than 2^40 elements with their padding; use less");
    }
  }
  return {image[0], windows_along(op, conv.window, 0, image[1]), windows_along(op, conv.window, 1, image[2]),
          outs};
}

Tensor forward(const Convolution& conv, const Tensor& x, const Tensor& weight, const Tensor& bias, bool relu);
Tensor input_grad(const Convolution& conv, const Tensor& dy, const Tensor& weight, const Shape& shape);
Tensor weight_grad(const Convolution& conv, const Tensor& x, const Tensor& dy, const Shape& shape);

Tensor forward(const Convolution& conv, const Tensor& x, const Tensor& weight, const Tensor& bias,
               bool relu) {
  Tensor y = empty(x.dtype(), output_shape("conv2d", conv, x.shape(), weight.shape()[0]));
  const int64_t activation = relu ? kernels::kActivationRelu : kernels::kActivationNone;
  submit(kernels::conv2d, {y}, {x, weight, bias}, conv.params(activation, bias.defined()));
  const auto grads = [conv, x, weight, bias](const Tensor& dy) {
    Grads result{wants(x) ? input_grad(conv, dy, weight, x.shape()) : Tensor(),
                 wants(weight) ? weight_grad(conv, x, dy, weight.shape()) : Tensor()};
    if (bias) result.push_back(wants(bias) ? sum(dy, Axes{std::vector<int64_t>{0, 1, 2}}, false) : Tensor());
    return result;
  };
  std::vector<Tensor> inputs{x, weight};
  if (bias) inputs.push_back(bias);
  if (!relu) return record(y, inputs, grads);
  return record(y, inputs, [grads](const Tensor& dy, const Tensor& output) {
    return grads(where(greater(output, 0.0), dy, 0.0));
  });
}

Tensor input_grad(const Convolution& conv, const Tensor& dy, const Tensor& weight, const Shape& shape) {
  Tensor dx = empty(dy.dtype(), shape);
  submit(kernels::conv2d_input_grad, {dx}, {dy, weight}, conv.params());
  return record(dx, {dy, weight}, [conv, dy, weight](const Tensor& g) {
    return Grads{wants(dy) ? forward(conv, g, weight, Tensor(), false) : Tensor(),
                 wants(weight) ? weight_grad(conv, g, dy, weight.shape()) : Tensor()};
  });
}

Tensor weight_grad(const Convolution& conv, const Tensor& x, const Tensor& dy, const Shape& shape) {
  Tensor dw = empty(x.dtype(), shape);
  submit(kernels::conv2d_weight_grad, {dw}, {x, dy}, conv.params());
  return record(dw, {x, dy}, [conv, x, dy](const Tensor& g) {
    return Grads{wants(x) ? input_grad(conv, dy, g, x.shape()) : Tensor(),
                 wants(dy) ? forward(conv, x, g, Tensor(), false) : Tensor()};
  });
}

// dy must be what the convolution of `image` gives.
void check_output(const char* op, const Convolution& conv, const Tensor& dy, const Shape& image,
                  int64_t outs) {
  const Shape expected = output_shape(op, conv, image, outs);
  if (dy.shape() != expected) {
    shape_error(
        op, "dy has shape " + dy.shape().text() + "; images " + image.text() + " give " + expected.text());
  }
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
              const std::vector<int64_t>& stride, const std::vector<int64_t>& padding,
              const std::vector<int64_t>& dilation, int64_t groups, const std::string& activation) {
  constexpr const char* kOp = "conv2d";
  check_rank(kOp, "x", x, kImages);
  check_rank(kOp, "weight", weight, kWeights);
  const int64_t size[2] = {weight.shape()[1], weight.shape()[2]};
  const Convolution conv = make_convolution(kOp, size, stride, padding, dilation, groups);
  const int64_t channels = x.shape()[3], outs = weight.shape()[0], depth = weight.shape()[3];
  check_groups(kOp, "outputs", outs, groups);
  const int64_t expected = times(depth, groups);
  if (channels != expected) {
    shape_error(kOp, text("x has %lld channels, weight %s with groups %lld expects %lld; use weights %s",
                          static_cast<long long>(channels), weight.shape().text().c_str(),
                          static_cast<long long>(groups), static_cast<long long>(expected), kWeights));
  }
  if (bias && bias->shape() != Shape{outs}) {
    shape_error(kOp, "bias has shape " + bias->shape().text() + "; use " + Shape{outs}.text());
  }
  const DType dtype = promote(x.dtype(), bias ? promote(weight.dtype(), bias->dtype()) : weight.dtype());
  return forward(conv, cast(x, dtype), cast(weight, dtype), bias ? cast(*bias, dtype) : Tensor(),
                 activation == "relu");
}

Tensor conv2d_input_grad(const Tensor& dy, const Tensor& weight, const std::vector<int64_t>& size,
                         const std::vector<int64_t>& stride, const std::vector<int64_t>& padding,
                         const std::vector<int64_t>& dilation, int64_t groups) {
  constexpr const char* kOp = "conv2d_input_grad";
  check_rank(kOp, "dy", dy, kOutputs);
  check_rank(kOp, "weight", weight, kWeights);
  int64_t extents[2];
  read_pair(kOp, "size", size, 0, extents);
  const int64_t kernel[2] = {weight.shape()[1], weight.shape()[2]};
  const Convolution conv = make_convolution(kOp, kernel, stride, padding, dilation, groups);
  check_groups(kOp, "outputs", weight.shape()[0], groups);
  const Shape shape{dy.shape()[0], extents[0], extents[1], times(weight.shape()[3], groups)};
  check_output(kOp, conv, dy, shape, weight.shape()[0]);
  const DType dtype = promote(dy.dtype(), weight.dtype());
  return input_grad(conv, cast(dy, dtype), cast(weight, dtype), shape);
}

Tensor conv2d_weight_grad(const Tensor& x, const Tensor& dy, const std::vector<int64_t>& size,
                          const std::vector<int64_t>& stride, const std::vector<int64_t>& padding,
                          const std::vector<int64_t>& dilation, int64_t groups) {
  constexpr const char* kOp = "conv2d_weight_grad";
  check_rank(kOp, "x", x, kImages);
  check_rank(kOp, "dy", dy, kOutputs);
  int64_t kernel[2];
  read_pair(kOp, "size", size, 1, kernel);
  const Convolution conv = make_convolution(kOp, kernel, stride, padding, dilation, groups);
  const int64_t channels = x.shape()[3], outs = dy.shape()[3];
  check_groups(kOp, "channels", channels, groups);
  check_groups(kOp, "outputs", outs, groups);
  check_output(kOp, conv, dy, x.shape(), outs);
  const DType dtype = promote(x.dtype(), dy.dtype());
  return weight_grad(conv, cast(x, dtype), cast(dy, dtype), {outs, kernel[0], kernel[1], channels / groups});
}

std::vector<OpSpec> conv_ops() {
  return {
      op("conv2d", &conv2d, DTypes::kFloats, Result::kPromote, kPlain,
         "Convolution of images [batch, height, width, channels] with weights [out, kh, kw, channels / "
         "groups]: "
         "y[n, i, j, o] = activation(bias[o] + sum over u, v, c of x[n, i stride + u dilation - padding, j "
         "stride + "
         "v dilation - padding, c] weight[o, u, v, c]); padding is [vertical, horizontal] or [top, bottom, "
         "left, right].",
         arg("x"), arg("weight"), optional("bias"), arg("stride", "[1, 1]"), arg("padding", "[0, 0]"),
         arg("dilation", "[1, 1]"), arg("groups", 1), arg("activation", "'none'").among({"none", "relu"})),
      op("conv2d_input_grad", &conv2d_input_grad, DTypes::kFloats, Result::kPromote, kFunctionOnly,
         "The gradient of conv2d with respect to x of `size` [height, width], which is the transposed "
         "convolution of dy "
         "[batch, rows, columns, out].",
         arg("dy"), arg("weight"), arg("size"), arg("stride", "[1, 1]"), arg("padding", "[0, 0]"),
         arg("dilation", "[1, 1]"), arg("groups", 1)),
      op("conv2d_weight_grad", &conv2d_weight_grad, DTypes::kFloats, Result::kPromote, kFunctionOnly,
         "The gradient of conv2d with respect to a weight of kernel `size` [kh, kw].", arg("x"), arg("dy"),
         arg("size"), arg("stride", "[1, 1]"), arg("padding", "[0, 0]"), arg("dilation", "[1, 1]"),
         arg("groups", 1)),
  };
}

}  // namespace hebb::ops
