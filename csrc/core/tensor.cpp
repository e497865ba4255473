// Tensor construction and geometry.
#include "core/tensor.h"

namespace hebb {

Tensor::Tensor(std::shared_ptr<Storage> storage, DType dtype, Shape shape, Shape strides, int64_t offset)
    : body_(std::make_shared<Body>(Body{std::move(storage), dtype, shape, strides, offset, {}})) {}

Tensor Tensor::constant(DType dtype, double value, const Shape& shape) {
  Shape strides = shape;
  for (int axis = 0; axis < shape.rank(); ++axis) strides[axis] = 0;
  return Tensor(std::make_shared<Storage>(value), dtype, shape, strides, 0);
}

bool Tensor::is_contiguous() const {
  if (is_constant()) return false;
  int64_t expected = 1;
  for (int axis = rank() - 1; axis >= 0; --axis) {
    const int64_t extent = shape()[axis];
    if (extent == 0) return true;
    if (extent != 1 && strides()[axis] != expected) return false;
    expected *= extent;
  }
  return true;
}

Tensor Tensor::view(const Shape& shape, const Shape& strides, int64_t offset) const {
  return Tensor(storage(), dtype(), shape, strides, offset);
}

}  // namespace hebb
