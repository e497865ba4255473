// Indexing: shapes, gradients and registry lines.
#include "ops/index.h"

#include "kernels/index.h"
#include "ops/elementwise.h"
#include "ops/registry.h"
#include "ops/shape.h"

namespace hebb::ops {

namespace {

// x as contiguous memory of another shape with as many elements, without a place in the tape.
Tensor flat(const Tensor& x, const Shape& shape) {
  const Tensor whole = contiguous(x.detached());
  return whole.view(shape, contiguous_strides(shape), whole.offset());
}

// Indices as the kernels take them: u8 in i32.
Tensor places(const Tensor& indices, const Shape& shape) {
  return flat(indices.dtype() == DType::kU8 ? cast(indices, DType::kI32) : indices, shape);
}

int64_t extent_of(const Shape& shape, int first, int last) {
  int64_t size = 1;
  for (int axis = first; axis < last; ++axis) size *= shape[axis];
  return size;
}

// `shape` with axes first..last-1 replaced.
Shape replaced(const char* op, const Shape& shape, int first, int last, const Shape& middle) {
  const int rank = shape.rank() - (last - first) + middle.rank();
  if (rank > kMaxRank) {
    shape_error(op, text("the result has rank %d; use at most %d", rank, kMaxRank));
  }
  Shape result;
  for (int axis = 0; axis < first; ++axis) result.push_back(shape[axis]);
  for (int64_t extent : middle) result.push_back(extent);
  for (int axis = last; axis < shape.rank(); ++axis) result.push_back(shape[axis]);
  return result;
}

void check_size(const char* op, int64_t size) {
  if (size < 0) value_error(op, text("size is %lld; use 0 or more", static_cast<long long>(size)));
}

// [outer, extent, inner] around one axis.
Shape around(const Shape& shape, int axis) {
  return {extent_of(shape, 0, axis), shape[axis], extent_of(shape, axis + 1, shape.rank())};
}

Tensor as_contiguous(const Tensor& flat, const Shape& shape) {
  return flat.view(shape, contiguous_strides(shape), flat.offset());
}

// x cut to the extents of indices along all axes but one.
Tensor cut(const Tensor& x, const Tensor& indices, int but) {
  std::vector<int64_t> starts(static_cast<size_t>(x.rank())), steps(starts.size(), 1);
  std::vector<int64_t> stops(indices.shape().begin(), indices.shape().end());
  stops[static_cast<size_t>(but)] = x.shape()[but];
  return slice(x, starts, stops, steps);
}

Tensor gather_equal(const Tensor& x, const Tensor& indices, int axis) {
  const Shape shape = around(indices.shape(), axis);
  Tensor y = empty(x.dtype(), shape);
  submit(kernels::gather, {y}, {flat(x, around(x.shape(), axis)), places(indices, shape)});
  return record(as_contiguous(y, indices.shape()), {x},
                [indices, size = x.shape()[axis], axis](const Tensor& dy) {
                  return Grads{scatter_add(dy, indices, size, axis)};
                });
}

}  // namespace

Tensor take(const Tensor& x, const Tensor& indices, int64_t axis) {
  const int at = normal_axis("take", axis, x.shape());
  const Shape shape = replaced("take", x.shape(), at, at + 1, indices.shape());
  const Shape around_axis = around(x.shape(), at);
  Tensor y = empty(x.dtype(), {around_axis[0], indices.size(), around_axis[2]});
  submit(kernels::take, {y}, {flat(x, around_axis), places(indices, {indices.size()})});
  return record(as_contiguous(y, shape), {x}, [indices, size = x.shape()[at], at](const Tensor& dy) {
    return Grads{index_add(dy, indices, size, at)};
  });
}

Tensor index_add(const Tensor& x, const Tensor& indices, int64_t size, int64_t axis) {
  check_size("index_add", size);
  const int rank = x.rank() - indices.rank() + 1;
  if (rank < 1) {
    shape_error("index_add", "x " + x.shape().text() + " has fewer axes than indices " +
                                 indices.shape().text() +
                                 "; use x with the axes of indices in the place of `axis`");
  }
  const int64_t at = axis < 0 ? axis + rank : axis;
  if (at < 0 || at >= rank) {
    value_error("index_add", text("axis %lld is out of range for a result of rank %d; use %d..%d",
                                  static_cast<long long>(axis), rank, -rank, rank - 1));
  }
  const int first = static_cast<int>(at), last = first + indices.rank();
  for (int i = 0; i < indices.rank(); ++i) {
    if (x.shape()[first + i] == indices.shape()[i]) continue;
    shape_error("index_add", "x " + x.shape().text() + " does not fit indices " + indices.shape().text() +
                                 text(" at axis %d; use ", first) +
                                 replaced("index_add", x.shape(), first, last, indices.shape()).text());
  }
  const Shape shape = replaced("index_add", x.shape(), first, last, {size});
  const int64_t outer = extent_of(x.shape(), 0, first), inner = extent_of(x.shape(), last, x.rank());
  Tensor y = empty(x.dtype(), {outer, size, inner});
  submit(kernels::index_add, {y},
         {flat(x, {outer, indices.size(), inner}), places(indices, {indices.size()})});
  return record(as_contiguous(y, shape), {x},
                [indices, first](const Tensor& dy) { return Grads{take(dy, indices, first)}; });
}

Tensor gather(const Tensor& x, const Tensor& indices, int64_t axis) {
  const int at = normal_axis("gather", axis, x.shape());
  bool fits = x.rank() == indices.rank(), equal = true;
  for (int i = 0; fits && i < x.rank(); ++i) {
    if (i == at) continue;
    fits = indices.shape()[i] <= x.shape()[i];
    equal = equal && indices.shape()[i] == x.shape()[i];
  }
  if (!fits) {
    shape_error("gather", "indices " + indices.shape().text() + " do not fit x " + x.shape().text() +
                              text("; use equal ranks, and extents of at most x's but along axis %d", at));
  }
  return gather_equal(equal ? x : cut(x, indices, at), indices, at);
}

Tensor scatter_add(const Tensor& x, const Tensor& indices, int64_t size, int64_t axis) {
  check_size("scatter_add", size);
  if (x.shape() != indices.shape()) {
    shape_error("scatter_add", "x " + x.shape().text() + " and indices " + indices.shape().text() +
                                   " differ; use equal shapes");
  }
  const int at = normal_axis("scatter_add", axis, x.shape());
  const Shape from = around(x.shape(), at);
  Shape shape = x.shape();
  shape[at] = size;
  Tensor y = empty(x.dtype(), {from[0], size, from[2]});
  submit(kernels::scatter_add, {y}, {flat(x, from), places(indices, from)});
  return record(as_contiguous(y, shape), {x},
                [indices, at](const Tensor& dy) { return Grads{gather(dy, indices, at)}; });
}

Tensor one_hot(const Tensor& indices, int64_t classes, DType dtype) {
  if (classes < 1)
    value_error("one_hot", text("classes is %lld; use 1 or more", static_cast<long long>(classes)));
  const int rank = indices.rank();
  const Shape shape = replaced("one_hot", indices.shape(), rank, rank, {classes});
  Tensor y = empty(dtype, {indices.size(), classes});
  submit(kernels::one_hot, {y}, {places(indices, {indices.size()})});
  return as_contiguous(y, shape);
}

std::vector<OpSpec> index_ops() {
  const auto indices = [] { return arg("indices").of(DTypes::kIntegers); };
  return {
      op("take", &take, DTypes::kAll, Result::kSame, kGuard,
         "The slices x[.., indices, ..] along `axis`, which the axes of indices replace; indices count from "
         "0.",
         arg("x"), indices(), arg("axis", 0)),
      op("index_add", &index_add, DTypes::kNumbers, Result::kSame, kGuard,
         "Zeros with extent `size` along `axis`, and the slices of x added at indices: the transpose of "
         "take.",
         arg("x"), indices(), arg("size"), arg("axis", 0)),
      op("gather", &gather, DTypes::kAll, Result::kSame, kGuard,
         "y[i, j, ..] = x[indices[i, j, ..], j, ..] for axis 0, and alike for the others; indices count from "
         "0.",
         arg("x"), indices(), arg("axis")),
      op("scatter_add", &scatter_add, DTypes::kNumbers, Result::kSame, kGuard,
         "Zeros with extent `size` along `axis`, and each x[i, j, ..] added at [indices[i, j, ..], j, ..] "
         "for axis 0.",
         arg("x"), indices(), arg("size"), arg("axis")),
      op("one_hot", &one_hot, DTypes::kIntegers, Result::kArgument, kGuard | kNoGrad,
         "1 at the place of the index along a new last axis of extent `classes`, else 0.", arg("indices"),
         arg("classes"), arg("dtype", "'f32'")),
  };
}

}  // namespace hebb::ops
