// Pooling ops over images [batch, height, width, channels].
#pragma once

#include <vector>

#include "ops/op.h"

namespace hebb::ops {

// size, stride and dilation hold one number or [vertical, horizontal], padding also [top, bottom, left,
// right]; an empty stride is the size.
Tensor max_pool2d(const Tensor& x, const std::vector<int64_t>& size, const std::vector<int64_t>& stride,
                  const std::vector<int64_t>& padding, const std::vector<int64_t>& dilation, bool ceil_mode);
Tensor avg_pool2d(const Tensor& x, const std::vector<int64_t>& size, const std::vector<int64_t>& stride,
                  const std::vector<int64_t>& padding, bool ceil_mode, bool count_include_pad);
Tensor global_avg_pool2d(const Tensor& x, bool keep_dims);

}  // namespace hebb::ops
