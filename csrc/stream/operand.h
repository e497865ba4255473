// Between tensors and what commands are made of.
#pragma once

#include "core/tensor.h"
#include "stream/command.h"

namespace hebb::stream {

class Stream;

// The elements that a view reaches before and behind its first one.
struct Reach {
  int64_t before = 0, behind = 0;

  explicit Reach(const Operand& view) {
    for (int axis = 0; axis < view.rank && view.size() > 0; ++axis) {
      const int64_t distance = (view.shape[axis] - 1) * view.strides[axis];
      (distance < 0 ? before : behind) += distance < 0 ? -distance : distance;
    }
  }
  int64_t elements() const { return before + behind + 1; }
};

// The view of a tensor that a kernel is given.
Operand operand_of(const Tensor& x, Role role);

// Memory of the stream's device; contents undefined until a command writes them.
Tensor new_tensor(Stream& stream, DType dtype, const Shape& shape);

}  // namespace hebb::stream
