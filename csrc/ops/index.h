// Picking elements by index, the sums that are its transpose, and one-hot rows. Indices are i32, i64 or u8,
// and never negative.
#pragma once

#include "ops/op.h"

namespace hebb::ops {

// x with `axis` replaced by the axes of indices.
Tensor take(const Tensor& x, const Tensor& indices, int64_t axis);
// Zeros with extent `size` along `axis`, and the slices of x added at indices: the transpose of take.
Tensor index_add(const Tensor& x, const Tensor& indices, int64_t size, int64_t axis);
// Element by element: x and indices have equal rank, and indices are no longer than x along the other axes.
Tensor gather(const Tensor& x, const Tensor& indices, int64_t axis);
// Zeros with extent `size` along `axis`, and the elements of x added at indices, which has x's shape.
Tensor scatter_add(const Tensor& x, const Tensor& indices, int64_t size, int64_t axis);
Tensor one_hot(const Tensor& indices, int64_t classes, DType dtype);

}  // namespace hebb::ops
