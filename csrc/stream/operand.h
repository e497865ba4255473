// Between tensors and what commands are made of.
#pragma once

#include "core/tensor.h"
#include "stream/command.h"

namespace hebb::stream {

class Stream;

// The view of a tensor that a kernel is given.
Operand operand_of(const Tensor& x, Role role);

// Memory of the stream's device; contents undefined until a command writes them.
Tensor new_tensor(Stream& stream, DType dtype, const Shape& shape);

}  // namespace hebb::stream
