// Arithmetic of two operands, selection and casts.
#include "core/dtype.h"
#include "kernels/copy.h"
#include "ops/elementwise.h"
#include "ops/map.h"

namespace hebb::ops {

namespace {

Tensor add_pair(const Pair& p) {
  const auto pass = [](const Tensor& dy) { return dy; };
  return record_pair(map("add", kernels::add, p), p, pass, pass);
}

Tensor sub_pair(const Pair& p) {
  return record_pair(
      map("sub", kernels::sub, p), p, [](const Tensor& dy) { return dy; },
      [](const Tensor& dy) { return neg(dy); });
}

Tensor mul_pair(const Pair& p) {
  return record_pair(
      map("mul", kernels::mul, p), p, [b = p.b](const Tensor& dy) { return mul(dy, b); },
      [a = p.a](const Tensor& dy) { return mul(dy, a); });
}

Tensor div_pair(const Pair& p) {
  if (!is_float(p.dtype)) {
    dtype_error("div", text("%s by %s has no exact quotient; cast one to a float dtype",
                            dtype_name(p.a.dtype()), dtype_name(p.b.dtype())));
  }
  return record_pair(
      map("div", kernels::div, p), p, [b = p.b](const Tensor& dy) { return div(dy, b); },
      [a = p.a, b = p.b](const Tensor& dy) { return neg(div(mul(dy, a), square(b))); });
}

// a^b: da = dy b a^(b-1), and 0 for b = 0 whatever a is; db = dy a^b log a where a > 0, else 0.
Tensor pow_pair(const Pair& p) {
  const auto grad_a = [a = p.a, b = p.b](const Tensor& dy) {
    const Tensor slope = mul(b, pow(a, sub(b, 1)));
    return mul(dy, b.is_constant() && b.storage()->constant() != 0 ? slope : where(equal(b, 0), 0, slope));
  };
  const auto grad_b = [a = p.a, b = p.b](const Tensor& dy) {
    const Tensor positive = greater(a, 0);
    return mul(dy, mul(pow(a, b), log(where(positive, cast(a, dy.dtype()), 1))));
  };
  return record_pair(map("pow", kernels::pow, p), p, grad_a, grad_b);
}

// Of two equal operands each gets half the gradient.
Tensor maximum_pair(const Pair& p) {
  const auto share = [](const Tensor& dy, const Tensor& larger, const Tensor& smaller) {
    const Pair pair{larger.detached(), smaller.detached(), dy.dtype()};
    return mul(dy, map("maximum", kernels::greater_share, pair));
  };
  return record_pair(
      map("maximum", kernels::maximum, p), p,
      [a = p.a, b = p.b, share](const Tensor& dy) { return share(dy, a, b); },
      [a = p.a, b = p.b, share](const Tensor& dy) { return share(dy, b, a); });
}

Tensor minimum_pair(const Pair& p) {
  const auto share = [](const Tensor& dy, const Tensor& smaller, const Tensor& larger) {
    const Pair pair{larger.detached(), smaller.detached(), dy.dtype()};
    return mul(dy, map("minimum", kernels::greater_share, pair));
  };
  return record_pair(
      map("minimum", kernels::minimum, p), p,
      [a = p.a, b = p.b, share](const Tensor& dy) { return share(dy, a, b); },
      [a = p.a, b = p.b, share](const Tensor& dy) { return share(dy, b, a); });
}

Tensor where_pair(const Tensor& condition, const Pair& p) {
  const Shape values = broadcast_shapes("where", p.a.shape(), p.b.shape());
  const Shape shape = broadcast_shapes("where", condition.shape(), values);
  Tensor y = empty(p.dtype, shape);
  const kernels::ElementwiseParams params{static_cast<int64_t>(compute_type(p.dtype)), {}};
  submit(kernels::where, {y}, {condition, p.a, p.b}, params);
  return record_pair(
      y, p, [condition](const Tensor& dy) { return where(condition, dy, 0); },
      [condition](const Tensor& dy) { return where(condition, 0, dy); });
}

// The registry's forms: either operand may be a number.
template <const char* const& name, Tensor (*compute)(const Pair&)>
Tensor of_values(const Value& a, const Value& b) {
  return compute(pair_of(name, a, b));
}
constexpr const char* kAdd = "add";
constexpr const char* kSub = "sub";
constexpr const char* kMul = "mul";
constexpr const char* kDiv = "div";
constexpr const char* kMaximum = "maximum";
constexpr const char* kMinimum = "minimum";

Tensor pow_values(const Value& a, const Value& b) {
  if (a.tensor && !b.tensor) return pow(a.tensor, b.number);
  return pow_pair(pair_of("pow", a, b));
}

Tensor where_values(const Tensor& condition, const Value& a, const Value& b) {
  return where_pair(condition, pair_of("where", a, b));
}

// A constant's value as its dtype holds it.
double rounded(double value, DType dtype) {
  if (dtype == DType::kF32) return static_cast<float>(value);
  return value;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) { return add_pair(pair_of("add", a, b)); }
Tensor add(const Tensor& a, double b) { return add_pair(pair_of("add", a, b)); }
Tensor sub(const Tensor& a, const Tensor& b) { return sub_pair(pair_of("sub", a, b)); }
Tensor sub(const Tensor& a, double b) { return sub_pair(pair_of("sub", a, b)); }
Tensor sub(double a, const Tensor& b) { return sub_pair(pair_of("sub", a, b)); }
Tensor mul(const Tensor& a, const Tensor& b) { return mul_pair(pair_of("mul", a, b)); }
Tensor mul(const Tensor& a, double b) { return mul_pair(pair_of("mul", a, b)); }
Tensor div(const Tensor& a, const Tensor& b) { return div_pair(pair_of("div", a, b)); }
Tensor div(const Tensor& a, double b) { return div_pair(pair_of("div", a, b)); }
Tensor div(double a, const Tensor& b) { return div_pair(pair_of("div", a, b)); }
Tensor pow(const Tensor& a, const Tensor& b) { return pow_pair(pair_of("pow", a, b)); }
Tensor maximum(const Tensor& a, const Tensor& b) { return maximum_pair(pair_of("maximum", a, b)); }
Tensor maximum(const Tensor& a, double b) { return maximum_pair(pair_of("maximum", a, b)); }
Tensor minimum(const Tensor& a, const Tensor& b) { return minimum_pair(pair_of("minimum", a, b)); }
Tensor minimum(const Tensor& a, double b) { return minimum_pair(pair_of("minimum", a, b)); }
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return where_pair(condition, pair_of("where", a, b));
}
Tensor where(const Tensor& condition, const Tensor& a, double b) {
  return where_pair(condition, pair_of("where", a, b));
}
Tensor where(const Tensor& condition, double a, const Tensor& b) {
  return where_pair(condition, pair_of("where", a, b));
}

Tensor pow(const Tensor& a, double b) {
  if (b == 2) return square(a);
  if (b == 1) return record(a.detached(), {a}, [](const Tensor& dy) { return Grads{dy}; });
  if (b < 0 && !is_float(a.dtype())) {
    dtype_error("pow", text("%s elements to the power %s are no integers; use a float tensor",
                            dtype_name(a.dtype()), number_text(b).c_str()));
  }
  if (b == -1) return reciprocal(a);
  return pow_pair(pair_of("pow", a, b));
}

Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  if (x.is_constant() && (dtype == DType::kF32 || dtype == DType::kF64)) {
    const Tensor y = Tensor::constant(dtype, rounded(x.storage()->constant(), dtype), x.shape());
    return is_float(x.dtype()) ? record(y, {x}, [](const Tensor& dy) { return Grads{dy}; }) : y;
  }
  Tensor y = empty(dtype, x.shape());
  submit(kernels::copy, {y}, {x});
  if (!is_float(dtype) || !is_float(x.dtype())) return y;
  // The walk back casts dy to the dtype of x.
  return record(y, {x}, [](const Tensor& dy) { return Grads{dy}; });
}

std::vector<OpSpec> arithmetic_ops() {
  const auto ab = [](const char* name, auto function, DTypes dtypes, const char* doc) {
    return op(name, function, dtypes, Result::kPromote, kPlain, doc, arg("a"), arg("b"));
  };
  return {
      ab("add", &of_values<kAdd, add_pair>, DTypes::kAll, "a + b; of bools, a or b."),
      ab("sub", &of_values<kSub, sub_pair>, DTypes::kNumbers, "a - b."),
      ab("mul", &of_values<kMul, mul_pair>, DTypes::kAll, "a b; of bools, a and b."),
      ab("div", &of_values<kDiv, div_pair>, DTypes::kNumbers, "a / b; one of them must have a float dtype."),
      ab("pow", &pow_values, DTypes::kNumbers,
         "a to the power b. The gradient with respect to b is 0 where a is not positive."),
      ab("maximum", &of_values<kMaximum, maximum_pair>, DTypes::kAll,
         "The larger of a and b; a NaN wins; equal elements share the gradient."),
      ab("minimum", &of_values<kMinimum, minimum_pair>, DTypes::kAll,
         "The smaller of a and b; a NaN wins; equal elements share the gradient."),
      op("where", &where_values, DTypes::kAll, Result::kPromote, kPlain,
         "a where the condition holds, else b.", arg("condition").of(DTypes::kBools), arg("a"), arg("b")),
      op("cast", &cast, DTypes::kAll, Result::kArgument, kPlain,
         "x in another dtype: floats become integers by truncation, saturating, NaN as 0; true is what is "
         "not 0.",
         arg("x"), arg("dtype")),
  };
}

}  // namespace hebb::ops
