// Reductions over axes, and the sums that undo broadcasting.
#pragma once

#include "ops/op.h"

namespace hebb::ops {

// One axis, for callers in C++.
inline Axes over(int64_t axis) { return Axes{std::vector<int64_t>{axis}}; }

// Sums of bool, u8 and i32 are i32.
Tensor sum(const Tensor& x, const Axes& axis, bool keep_dims);
Tensor mean(const Tensor& x, const Axes& axis, bool keep_dims);
Tensor prod(const Tensor& x, const Axes& axis, bool keep_dims);
Tensor max(const Tensor& x, const Axes& axis, bool keep_dims);
Tensor min(const Tensor& x, const Axes& axis, bool keep_dims);
// i32; of the flattened tensor where no axis is given.
Tensor argmax(const Tensor& x, const Axes& axis, bool keep_dims);
Tensor argmin(const Tensor& x, const Axes& axis, bool keep_dims);
// Divided by count - correction, or by 0 where that is negative.
Tensor var(const Tensor& x, const Axes& axis, int64_t correction, bool keep_dims);
Tensor standard_deviation(const Tensor& x, const Axes& axis, int64_t correction, bool keep_dims);
Tensor any(const Tensor& x, const Axes& axis, bool keep_dims);
Tensor all(const Tensor& x, const Axes& axis, bool keep_dims);
Tensor logsumexp(const Tensor& x, const Axes& axis, bool keep_dims);
Tensor cumsum(const Tensor& x, int64_t axis, bool reverse);

// x summed over the axes along which `shape` was broadcast to x's shape.
Tensor sum_to(const Tensor& x, const Shape& shape);

}  // namespace hebb::ops
