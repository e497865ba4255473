// Convolution ops: images [batch, height, width, channels], weights [out, kh, kw, channels / groups].
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ops/op.h"

namespace hebb::ops {

// stride and dilation hold one number or [vertical, horizontal], padding also [top, bottom, left, right].
Tensor conv2d(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
              const std::vector<int64_t>& stride, const std::vector<int64_t>& padding,
              const std::vector<int64_t>& dilation, int64_t groups, const std::string& activation);

// The gradient of x, an image of `size` [height, width], from that of y. Bilinear in dy and weight.
Tensor conv2d_input_grad(const Tensor& dy, const Tensor& weight, const std::vector<int64_t>& size,
                         const std::vector<int64_t>& stride, const std::vector<int64_t>& padding,
                         const std::vector<int64_t>& dilation, int64_t groups);

// The gradient of a weight of kernel `size` [kh, kw]. Bilinear in x and dy.
Tensor conv2d_weight_grad(const Tensor& x, const Tensor& dy, const std::vector<int64_t>& size,
                          const std::vector<int64_t>& stride, const std::vector<int64_t>& padding,
                          const std::vector<int64_t>& dilation, int64_t groups);

}  // namespace hebb::ops
