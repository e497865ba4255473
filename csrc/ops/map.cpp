// Submitting element-wise kernels, and the scalar rule.
#include "ops/map.h"

#include <cmath>

#include "kernels/copy.h"

namespace hebb::ops {

namespace {

using kernels::ElementwiseParams;

ElementwiseParams params_of(DType dtype, Scalars scalars) {
  ElementwiseParams params{static_cast<int64_t>(compute_type(dtype)), {}};
  for (int i = 0; i < 4; ++i) params.scalars[i] = scalars.values[i];
  return params;
}

std::string tensor_text(DType dtype) {
  return std::string(dtype == DType::kU8 || dtype == DType::kBool ? "a " : "an ") + dtype_name(dtype) +
         " tensor";
}

// The least number and the first one beyond of what an integer dtype holds.
struct Range {
  double least, beyond;
};
Range range_of(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return {0, 2};
    case DType::kU8:
      return {0, 256};
    case DType::kI32:
      return {-2147483648.0, 2147483648.0};
    default:
      return {-9223372036854775808.0, 9223372036854775808.0};
  }
}

// In the compute type: a number keeps its digits beside half tensors.
Tensor constant_beside(const char* op, double number, DType beside) {
  check_number(op, number, beside);
  return Tensor::constant(compute_type(beside), number);
}

// x, or a copy where gathering it element by element would cost more: the kernel reads rows of the result,
// and a large transposed operand has each element of one in another cache line.
Tensor straight(const Tensor& x) {
  constexpr int64_t kSmall = 4096;
  if (x.is_constant() || x.size() < kSmall) return x;
  for (int axis = x.rank() - 1; axis >= 0; --axis) {
    if (x.shape()[axis] == 1) continue;
    if (x.strides()[axis] == 0 || x.strides()[axis] == 1) return x;
    Tensor copy = empty(x.dtype(), x.shape());
    submit(kernels::copy, {copy}, {x});
    return copy;
  }
  return x;
}

}  // namespace

void check_number(const char* op, double number, DType beside) {
  if (is_float(beside)) return;
  if (number != std::floor(number) || std::isinf(number)) {
    dtype_error(op, text("%s with the number %s; use a float tensor or a whole number",
                         tensor_text(beside).c_str(), number_text(number).c_str()));
  }
  const Range range = range_of(beside);
  if (number < range.least || number >= range.beyond) {
    dtype_error(op, text("the number %s does not fit %s; cast it to a wider dtype",
                         number_text(number).c_str(), tensor_text(beside).c_str()));
  }
}

Pair pair_of(const char* op, const Value& a, const Value& b) {
  if (a.tensor && b.tensor) return {a.tensor, b.tensor, promote(a.tensor.dtype(), b.tensor.dtype())};
  if (a.tensor) return {a.tensor, constant_beside(op, b.number, a.tensor.dtype()), a.tensor.dtype()};
  if (b.tensor) return {constant_beside(op, a.number, b.tensor.dtype()), b.tensor, b.tensor.dtype()};
  return {Tensor::constant(DType::kF32, a.number), Tensor::constant(DType::kF32, b.number), DType::kF32};
}

Tensor map(const stream::Slot& slot, const Tensor& x, Scalars scalars) {
  Tensor y = empty(slot.traits.predicate ? DType::kBool : x.dtype(), x.shape());
  submit(slot, {y}, {straight(x)}, params_of(x.dtype(), scalars));
  return y;
}

Tensor map(const char* op, const stream::Slot& slot, const Pair& pair, Scalars scalars) {
  const Shape shape = broadcast_shapes(op, pair.a.shape(), pair.b.shape());
  Tensor y = empty(slot.traits.predicate ? DType::kBool : pair.dtype, shape);
  submit(slot, {y}, {straight(pair.a), straight(pair.b)}, params_of(pair.dtype, scalars));
  return y;
}

Tensor map_grad(const stream::Slot& slot, const Tensor& dy, const Tensor& b, Scalars scalars) {
  const DType dtype = promote(dy.dtype(), b.dtype());
  Tensor dx = empty(dtype, b.shape());
  submit(slot, {dx}, {straight(dy), straight(b)}, params_of(dtype, scalars));
  return dx;
}

Tensor record_flat(Tensor y, const Tensor& x) {
  return record(std::move(y), {x},
                [](const Tensor& dy) { return Grads{Tensor::constant(dy.dtype(), 0, dy.shape())}; });
}

}  // namespace hebb::ops
