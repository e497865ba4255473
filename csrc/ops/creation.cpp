// Tensors made of a rule: constants, which take no memory, counts and identities.
#include <cmath>

#include "kernels/copy.h"
#include "ops/elementwise.h"
#include "ops/map.h"
#include "ops/shape.h"
#include "ops/shape_lines.h"

namespace hebb::ops {

namespace {

Tensor constant_of(const char* op, const std::vector<int64_t>& list, double value, DType dtype) {
  const Shape shape = shape_from(op, list);
  check_extents(op, shape);
  if (!is_float(dtype) && dtype != DType::kBool && value != std::floor(value)) {
    dtype_error(op, text("%s elements cannot be %s; use a float dtype or a whole number", dtype_name(dtype),
                         number_text(value).c_str()));
  }
  return Tensor::constant(dtype, dtype == DType::kBool ? value != 0 : value, shape);
}

Tensor zeros(const std::vector<int64_t>& shape, DType dtype) { return constant_of("zeros", shape, 0, dtype); }
Tensor ones(const std::vector<int64_t>& shape, DType dtype) { return constant_of("ones", shape, 1, dtype); }

}  // namespace

Tensor zeros_like(const Tensor& x) { return Tensor::constant(x.dtype(), 0, x.shape()); }
Tensor ones_like(const Tensor& x) { return Tensor::constant(x.dtype(), 1, x.shape()); }

Tensor full(const std::vector<int64_t>& shape, double value, DType dtype) {
  return constant_of("full", shape, value, dtype);
}

Tensor arange(double start, double stop, double step, DType dtype) {
  const double count = std::ceil((stop - start) / step);
  if (!(std::fabs(step) > 0) || !(std::fabs(count) < 9007199254740992.0)) {
    value_error("arange", "from " + number_text(start) + " to " + number_text(stop) + " in steps of " +
                              number_text(step) +
                              " has no finite length; use finite numbers and a step that is not 0");
  }
  if (!is_float(dtype) && (start != std::floor(start) || step != std::floor(step))) {
    dtype_error("arange", text("start %s and step %s for %s; use whole numbers or a float dtype",
                               number_text(start).c_str(), number_text(step).c_str(), dtype_name(dtype)));
  }
  const Shape shape{count > 0 ? static_cast<int64_t>(count) : 0};
  check_extents("arange", shape);
  Tensor y = empty(dtype, shape);
  submit(kernels::arange, {y}, {}, kernels::ArangeParams{start, step});
  return y;
}

Tensor eye(int64_t rows, int64_t columns, DType dtype) {
  if (columns < 0) columns = rows;
  check_extents("eye", {rows, columns});
  const Tensor row = reshape(arange(0, static_cast<double>(rows), 1, DType::kI64), {rows, 1});
  return cast(equal(row, arange(0, static_cast<double>(columns), 1, DType::kI64)), dtype);
}

std::vector<OpSpec> creation_ops() {
  constexpr auto kAll = DTypes::kAll;
  const auto dtype = [] { return arg("dtype", "'f32'"); };
  return {
      op("zeros_like", &zeros_like, kAll, Result::kSame, kPlain, "Zeros of x's shape and dtype.", arg("x")),
      op("ones_like", &ones_like, kAll, Result::kSame, kPlain, "Ones of x's shape and dtype.", arg("x")),
      op("zeros", &zeros, kAll, Result::kArgument, kFunctionOnly, "Zeros of a shape.", arg("shape"), dtype()),
      op("ones", &ones, kAll, Result::kArgument, kFunctionOnly, "Ones of a shape.", arg("shape"), dtype()),
      op("full", &full, kAll, Result::kArgument, kFunctionOnly, "One value in every place of a shape.",
         arg("shape"), arg("value"), dtype()),
      op("arange", &arange, kAll, Result::kArgument, kFunctionOnly,
         "start, start + step, ... up to but without stop.", arg("start"), arg("stop"), arg("step", 1.0),
         dtype()),
      op("eye", &eye, kAll, Result::kArgument, kFunctionOnly,
         "Ones where row and column agree, else zeros; square unless columns is 0 or more.", arg("rows"),
         arg("columns", -1), dtype()),
  };
}

}  // namespace hebb::ops
