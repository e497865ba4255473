// Reductions: sums, extremes, variances and what is composed of them.
#include "ops/reduce.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/reduce.h"
#include "ops/elementwise.h"
#include "ops/reduce_plan.h"
#include "ops/registry.h"
#include "ops/shape.h"

namespace hebb::ops {

namespace {

using kernels::SumParams;
using Runs = ReducePlan::Runs;

DType sum_dtype(DType dtype) { return is_float(dtype) || dtype == DType::kI64 ? dtype : DType::kI32; }

bool is_half(DType dtype) { return dtype == DType::kF16 || dtype == DType::kBF16; }

Axes axes_of(const ReducePlan& plan) { return Axes{plan.axes()}; }

// Sums in one pass for each run of reduced axes; what goes from pass to pass is not rounded to half types.
Tensor run_sum(ReducePlan& plan, DType dtype, double divisor) {
  const DType between = is_float(dtype) ? compute_type(dtype) : dtype;
  while (!plan.last()) {
    Tensor part = plan.pass_result(between);
    submit(kernels::sum, {part}, {plan.view()}, SumParams{1});
    plan.advance(part);
  }
  Tensor y = plan.pass_result(dtype);
  submit(kernels::sum, {y}, {plan.view()}, SumParams{divisor});
  return plan.shaped(y);
}

Tensor run_extreme(const stream::Slot& slot, ReducePlan& plan, DType dtype) {
  for (;;) {
    const bool last = plan.last();
    Tensor y = plan.pass_result(dtype);
    submit(slot, {y}, {plan.view()});
    if (last) return plan.shaped(y);
    plan.advance(y);
  }
}

Tensor summed(const char* op, const Tensor& x, const Axes& axis, bool keep_dims, bool averaged) {
  const DType dtype = sum_dtype(x.dtype());
  // dy of a broadcast gradient is often a constant, which needs no memory here either.
  const bool constant = x.is_constant() && is_float(dtype) && x.size() > 0;
  ReducePlan plan(op, constant ? Tensor::constant(dtype, x.storage()->constant(), x.shape()) : x, axis,
                  keep_dims, Runs::kFold);
  const double count = static_cast<double>(plan.count());
  const double divisor = averaged ? count : 1;
  Tensor y = constant
                 ? Tensor::constant(dtype, x.storage()->constant() * (averaged ? 1 : count), plan.result())
                 : run_sum(plan, dtype, divisor);
  return record(y, {x}, [shape = x.shape(), kept = plan.kept(), divisor](const Tensor& dy) {
    const Tensor part = divisor == 1 ? dy : div(dy, divisor);
    return Grads{broadcast_to(reshape(part, kept), shape)};
  });
}

// Among equal extremes the gradient is shared evenly.
Tensor extreme(const char* op, const stream::Slot& slot, const Tensor& x, const Axes& axis, bool keep_dims) {
  ReducePlan plan(op, x, axis, keep_dims, Runs::kFold);
  need_elements(op, plan, x);
  const Axes axes = axes_of(plan);
  return record(run_extreme(slot, plan, x.dtype()), {x},
                [x, axes, kept = plan.kept()](const Tensor& dy, const Tensor& y) {
                  const Tensor hits = cast(equal(x, reshape(y, kept)), x.dtype());
                  return Grads{mul(hits, div(reshape(dy, kept), sum(hits, axes, true)))};
                });
}

Tensor arg_extreme(const char* op, const stream::Slot& slot, const Tensor& x, const Axes& axis,
                   bool keep_dims) {
  if (axis.list && axis.list->size() != 1) {
    value_error(op, text("takes one axis, got %d; use one, or none for the place in the flattened tensor",
                         static_cast<int>(axis.list->size())));
  }
  ReducePlan plan(op, x, axis, keep_dims, Runs::kFold);
  need_elements(op, plan, x);
  if (plan.count() > INT32_MAX) {
    value_error(op, text("%lld elements in a slice, but places are i32; use at most 2147483647",
                         static_cast<long long>(plan.count())));
  }
  return run_extreme(slot, plan, DType::kI32);
}

Tensor run_logical(const char* op, const stream::Slot& slot, const Tensor& x, const Axes& axis,
                   bool keep_dims, bool of_none) {
  const Tensor truth = x.dtype() == DType::kBool ? x : cast(x.detached(), DType::kBool);
  ReducePlan plan(op, truth, axis, keep_dims, Runs::kFold);
  if (plan.count() == 0) return Tensor::constant(DType::kBool, of_none, plan.result());
  return run_extreme(slot, plan, DType::kBool);
}

double var_divisor(const ReducePlan& plan, int64_t correction) {
  return std::fmax(0, static_cast<double>(plan.count()) - static_cast<double>(correction));
}

// The corrected two-pass variance (Chan, Golub, LeVeque 1983): squares around the mean, less the square of
// what the mean was rounded by. One pass over x and x^2 would lose all digits where mean >> std.
Tensor run_var(const ReducePlan& plan, DType from, DType to, double divisor) {
  const auto count = static_cast<double>(plan.count());
  const Tensor center = plan.pass_result(compute_type(from));
  submit(kernels::sum, {center}, {plan.view()}, SumParams{count});
  const Tensor squares = plan.pass_result(compute_type(from));
  submit(kernels::square_deviation, {squares}, {plan.view(), center}, SumParams{divisor});
  if (divisor == 0) return cast(plan.shaped(squares), to);
  const Tensor rest = plan.pass_result(compute_type(from));
  submit(kernels::deviation, {rest}, {plan.view(), center}, SumParams{count});
  return cast(plan.shaped(sub(squares, mul(square(rest), count / divisor))), to);
}

// x with the axes that the plan reduces last, as one.
Tensor gathered(const Tensor& x, const ReducePlan& plan) {
  std::vector<int64_t> order;
  Shape shape;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (std::count(plan.axes().begin(), plan.axes().end(), axis)) continue;
    order.push_back(axis);
    shape.push_back(x.shape()[axis]);
  }
  order.insert(order.end(), plan.axes().begin(), plan.axes().end());
  shape.push_back(plan.count());
  return reshape(transpose(x, order), shape);
}

Tensor part_of(const Tensor& x, int64_t start, int64_t stop) {
  std::vector<int64_t> starts(static_cast<size_t>(x.rank())), steps(starts.size(), 1);
  std::vector<int64_t> stops(x.shape().begin(), x.shape().end());
  starts.back() = start;
  stops.back() = stop;
  return slice(x, starts, stops, steps);
}

// The value of an empty slice, with a gradient of no elements.
Tensor of_nothing(const Tensor& x, double value, const Shape& shape, DType dtype) {
  return record(Tensor::constant(dtype, value, shape), {x},
                [from = x.shape(), dtype](const Tensor&) { return Grads{Tensor::constant(dtype, 0, from)}; });
}

}  // namespace

Tensor sum(const Tensor& x, const Axes& axis, bool keep_dims) {
  return summed("sum", x, axis, keep_dims, false);
}

Tensor mean(const Tensor& x, const Axes& axis, bool keep_dims) {
  return summed("mean", x, axis, keep_dims, true);
}

Tensor max(const Tensor& x, const Axes& axis, bool keep_dims) {
  return extreme("max", kernels::max, x, axis, keep_dims);
}

Tensor min(const Tensor& x, const Axes& axis, bool keep_dims) {
  return extreme("min", kernels::min, x, axis, keep_dims);
}

Tensor argmax(const Tensor& x, const Axes& axis, bool keep_dims) {
  return arg_extreme("argmax", kernels::argmax, x, axis, keep_dims);
}

Tensor argmin(const Tensor& x, const Axes& axis, bool keep_dims) {
  return arg_extreme("argmin", kernels::argmin, x, axis, keep_dims);
}

Tensor any(const Tensor& x, const Axes& axis, bool keep_dims) {
  return run_logical("any", kernels::max, x, axis, keep_dims, false);
}

Tensor all(const Tensor& x, const Axes& axis, bool keep_dims) {
  return run_logical("all", kernels::min, x, axis, keep_dims, true);
}

// var' = 2 (x - mean) / divisor.
Tensor var(const Tensor& x, const Axes& axis, int64_t correction, bool keep_dims) {
  const ReducePlan plan("var", x, axis, keep_dims, Runs::kOne);
  const double divisor = var_divisor(plan, correction);
  return record(run_var(plan, x.dtype(), x.dtype(), divisor), {x},
                [x, axes = axes_of(plan), kept = plan.kept(), divisor](const Tensor& dy) {
                  return Grads{mul(sub(x, mean(x, axes, true)), mul(reshape(dy, kept), 2 / divisor))};
                });
}

// std' = (x - mean) / (std divisor), and 0 where all elements are equal.
Tensor standard_deviation(const Tensor& x, const Axes& axis, int64_t correction, bool keep_dims) {
  const ReducePlan plan("std", x, axis, keep_dims, Runs::kOne);
  const double divisor = var_divisor(plan, correction);
  const Tensor root = cast(sqrt(run_var(plan, x.dtype(), compute_type(x.dtype()), divisor)), x.dtype());
  return record(root, {x},
                [x, axes = axes_of(plan), kept = plan.kept(), divisor](const Tensor& dy, const Tensor& y) {
                  const Tensor spread = reshape(y, kept);
                  const Tensor flat = equal(spread, 0.0);
                  const Tensor scale = div(reshape(dy, kept), mul(where(flat, 1.0, spread), divisor));
                  return Grads{mul(sub(x, mean(x, axes, true)), where(flat, 0.0, scale))};
                });
}

// A tree of products in ops: exact gradients where elements are 0, of any order.
Tensor prod(const Tensor& x, const Axes& axis, bool keep_dims) {
  const DType dtype = sum_dtype(x.dtype());
  const DType wide = is_float(dtype) ? compute_type(dtype) : dtype;
  const ReducePlan plan("prod", x, axis, keep_dims, Runs::kFold);
  if (plan.count() == 0) return of_nothing(x, 1, plan.result(), dtype);
  Tensor y = gathered(x.dtype() == wide ? x : cast(x, wide), plan);
  for (int64_t count = plan.count(); count > 1; count = (count + 1) / 2) {
    const int64_t half = count / 2;
    const Tensor pairs = mul(part_of(y, 0, half), part_of(y, half, 2 * half));
    y = count % 2 == 0 ? pairs : concat({pairs, part_of(y, count - 1, count)}, -1);
  }
  y = reshape(y, plan.result());
  return wide == dtype ? y : cast(y, dtype);
}

// max + log(sum(exp(x - max))); slices whose maximum is infinite are not shifted, that would give inf - inf.
Tensor logsumexp(const Tensor& x, const Axes& axis, bool keep_dims) {
  const ReducePlan plan("logsumexp", x, axis, keep_dims, Runs::kFold);
  if (plan.count() == 0)
    return of_nothing(x, -std::numeric_limits<double>::infinity(), plan.result(), x.dtype());
  const Tensor wide = is_half(x.dtype()) ? cast(x, DType::kF32) : x;
  const Axes axes = axes_of(plan);
  const Tensor top = max(wide.detached(), axes, true);
  const Tensor shift = where(is_finite(top), top, 0.0);
  const Tensor y = reshape(add(log(sum(exp(sub(wide, shift)), axes, true)), shift), plan.result());
  return is_half(x.dtype()) ? cast(y, x.dtype()) : y;
}

Tensor cumsum(const Tensor& x, int64_t axis, bool reverse) {
  const int at = normal_axis("cumsum", axis, x.shape());
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < at; ++i) outer *= x.shape()[i];
  for (int i = at + 1; i < x.rank(); ++i) inner *= x.shape()[i];
  const Tensor from = contiguous(x.detached());
  const Shape flat{outer, x.shape()[at], inner};
  const Tensor y = empty(sum_dtype(x.dtype()), flat);
  submit(kernels::cumsum, {y}, {from.view(flat, contiguous_strides(flat), from.offset())},
         kernels::CumsumParams{reverse});
  return record(y.view(x.shape(), contiguous_strides(x.shape()), 0), {x},
                [axis, reverse](const Tensor& dy) { return Grads{cumsum(dy, axis, !reverse)}; });
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int lead = x.rank() - shape.rank();
  std::vector<int64_t> axes;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (axis < lead || (shape[axis - lead] == 1 && x.shape()[axis] != 1)) axes.push_back(axis);
  }
  return reshape(sum(x, Axes{axes}, true), shape);
}

std::vector<OpSpec> reduce_ops() {
  const auto axis = [] { return optional("axis"); };
  const auto keep = [] { return arg("keepDims", false); };
  return {
      op("sum", &sum, DTypes::kAll, Result::kPromote, kPlain,
         "The sum over `axis`, over all axes where none is given; sums of bool and u8 are i32.", arg("x"),
         axis(), keep()),
      op("mean", &mean, DTypes::kFloats, Result::kSame, kPlain,
         "sum(x) / count over `axis`; NaN of no elements.", arg("x"), axis(), keep()),
      op("prod", &prod, DTypes::kAll, Result::kPromote, kPlain,
         "The product over `axis`; 1 of no elements; products of bool and u8 are i32.", arg("x"), axis(),
         keep()),
      op("max", &max, DTypes::kNumbers, Result::kSame, kPlain,
         "The largest element over `axis`; a NaN wins; equal elements share the gradient.", arg("x"), axis(),
         keep()),
      op("min", &min, DTypes::kNumbers, Result::kSame, kPlain,
         "The smallest element over `axis`; a NaN wins; equal elements share the gradient.", arg("x"), axis(),
         keep()),
      op("argmax", &argmax, DTypes::kNumbers, Result::kI32, kPlain,
         "The place of the first largest element along one axis, or in the flattened tensor; a NaN wins.",
         arg("x"), axis(), keep()),
      op("argmin", &argmin, DTypes::kNumbers, Result::kI32, kPlain,
         "The place of the first smallest element along one axis, or in the flattened tensor; a NaN wins.",
         arg("x"), axis(), keep()),
      op("var", &var, DTypes::kFloats, Result::kSame, kPlain,
         "sum((x - mean(x))^2) / (count - correction) over `axis`.", arg("x"), axis(), arg("correction", 1),
         keep()),
      op("std", &standard_deviation, DTypes::kFloats, Result::kSame, kPlain,
         "sqrt(var(x)) over `axis`; the gradient is 0 where all elements are equal.", arg("x"), axis(),
         arg("correction", 1), keep()),
      op("any", &any, DTypes::kAll, Result::kBool, kPlain,
         "Whether any element over `axis` is not 0; false of none.", arg("x"), axis(), keep()),
      op("all", &all, DTypes::kAll, Result::kBool, kPlain,
         "Whether no element over `axis` is 0; true of none.", arg("x"), axis(), keep()),
      op("logsumexp", &logsumexp, DTypes::kFloats, Result::kSame, kPlain,
         "log(sum(exp(x))) over `axis`, without overflow; -inf of no elements.", arg("x"), axis(), keep()),
      op("cumsum", &cumsum, DTypes::kAll, Result::kPromote, kPlain,
         "y[i] = x[0] + ... + x[i] along `axis`, from the last element backwards with `reverse`.", arg("x"),
         arg("axis"), arg("reverse", false)),
  };
}

}  // namespace hebb::ops
