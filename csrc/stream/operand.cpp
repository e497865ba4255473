// Views of tensors, and tensors over new memory.
#include "stream/operand.h"

#include "stream/stream.h"

namespace hebb::stream {

Operand operand_of(const Tensor& x, Role role) {
  Operand operand;
  operand.dtype = x.dtype();
  operand.role = role;
  operand.rank = static_cast<uint8_t>(x.rank());
  for (int axis = 0; axis < x.rank(); ++axis) {
    operand.shape[axis] = x.shape()[axis];
    operand.strides[axis] = x.strides()[axis];
  }
  if (x.is_constant()) {
    operand.constant = x.storage()->constant();
  } else {
    operand.block = x.storage()->block();
    operand.data = static_cast<char*>(operand.block->data) + x.offset() * item_size(x.dtype());
  }
  return operand;
}

Tensor new_tensor(Stream& stream, DType dtype, const Shape& shape) {
  // The owner is there before the block is: a failure in between would lose it.
  auto storage = std::make_shared<Storage>(nullptr, false);
  storage->move_to(stream.allocate(static_cast<size_t>(shape.size() * item_size(dtype))));
  return Tensor(std::move(storage), dtype, shape, contiguous_strides(shape), 0);
}

}  // namespace hebb::stream
