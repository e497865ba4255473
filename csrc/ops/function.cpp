// Functions of one operand.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/map.h"

namespace hebb::ops {

Tensor neg(const Tensor& x) {
  return record(map(kernels::neg, x), {x}, [](const Tensor& dy) { return Grads{neg(dy)}; });
}

Tensor abs(const Tensor& x) {
  return record(map(kernels::abs, x), {x}, [x](const Tensor& dy) { return Grads{mul(dy, sign(x))}; });
}

Tensor sign(const Tensor& x) { return record_flat(map(kernels::sign, x), x); }
Tensor floor(const Tensor& x) { return record_flat(map(kernels::floor, x), x); }
Tensor ceil(const Tensor& x) { return record_flat(map(kernels::ceil, x), x); }
Tensor round(const Tensor& x) { return record_flat(map(kernels::round, x), x); }

Tensor square(const Tensor& x) {
  return record(map(kernels::square, x), {x}, [x](const Tensor& dy) { return Grads{mul(dy, mul(x, 2))}; });
}

Tensor clamp(const Tensor& x, double min, double max) {
  if (!(min <= max)) {
    value_error("clamp", text("min %s is not below max %s; use min <= max", number_text(min).c_str(),
                              number_text(max).c_str()));
  }
  for (double bound : {min, max}) {
    // A bound beyond the dtype's range is no bound.
    if (bound != std::floor(bound)) check_number("clamp", bound, x.dtype());
  }
  return record(map(kernels::clamp, x, {{min, max}}), {x}, [x, min, max](const Tensor& dy) {
    return Grads{fused_grad(kernels::clamp_grad, dy, x, {{min, max}}, [&] {
      return where(logical_and(greater_equal(x, min), less_equal(x, max)), dy, 0);
    })};
  });
}

Tensor sqrt(const Tensor& x) {
  return record(map(kernels::sqrt, x), {x},
                [](const Tensor& dy, const Tensor& y) { return Grads{div(dy, mul(y, 2))}; });
}

Tensor rsqrt(const Tensor& x) {
  return record(map(kernels::rsqrt, x), {x}, [](const Tensor& dy, const Tensor& y) {
    return Grads{mul(dy, mul(mul(square(y), y), -0.5))};
  });
}

Tensor reciprocal(const Tensor& x) {
  return record(map(kernels::reciprocal, x), {x},
                [](const Tensor& dy, const Tensor& y) { return Grads{mul(dy, neg(square(y)))}; });
}

Tensor exp(const Tensor& x) {
  return record(map(kernels::exp, x), {x},
                [](const Tensor& dy, const Tensor& y) { return Grads{mul(dy, y)}; });
}

Tensor expm1(const Tensor& x) {
  return record(map(kernels::expm1, x), {x},
                [](const Tensor& dy, const Tensor& y) { return Grads{mul(dy, add(y, 1))}; });
}

Tensor log(const Tensor& x) {
  return record(map(kernels::log, x), {x}, [x](const Tensor& dy) { return Grads{div(dy, x)}; });
}

Tensor log1p(const Tensor& x) {
  return record(map(kernels::log1p, x), {x}, [x](const Tensor& dy) { return Grads{div(dy, add(x, 1))}; });
}

Tensor sin(const Tensor& x) {
  return record(map(kernels::sin, x), {x}, [x](const Tensor& dy) { return Grads{mul(dy, cos(x))}; });
}

Tensor cos(const Tensor& x) {
  return record(map(kernels::cos, x), {x}, [x](const Tensor& dy) { return Grads{neg(mul(dy, sin(x)))}; });
}

Tensor erf(const Tensor& x) {
  constexpr double kSlope = 1.1283791670955126;  // 2 / sqrt(pi)
  return record(map(kernels::erf, x), {x},
                [x](const Tensor& dy) { return Grads{mul(dy, mul(exp(neg(square(x))), kSlope))}; });
}

std::vector<OpSpec> function_ops() {
  const auto on = [](DTypes dtypes, const char* name, Tensor (*function)(const Tensor&), const char* doc) {
    return op(name, function, dtypes, Result::kSame, kPlain, doc, arg("x"));
  };
  return {
      on(DTypes::kNumbers, "neg", &neg, "-x."),
      on(DTypes::kNumbers, "abs", &abs, "|x|; the gradient at 0 is 0."),
      on(DTypes::kNumbers, "sign", &sign, "-1, 0 or 1; the gradient is 0."),
      on(DTypes::kNumbers, "square", &square, "x^2."),
      op("clamp", &clamp, DTypes::kNumbers, Result::kSame, kPlain,
         "x where min <= x <= max, else the nearer bound; the gradient passes at the bounds.", arg("x"),
         arg("min", -INFINITY), arg("max", INFINITY)),
      on(DTypes::kFloats, "floor", &floor, "The largest integer <= x; the gradient is 0."),
      on(DTypes::kFloats, "ceil", &ceil, "The smallest integer >= x; the gradient is 0."),
      on(DTypes::kFloats, "round", &round, "The nearest integer, halves to even; the gradient is 0."),
      on(DTypes::kFloats, "sqrt", &sqrt, "The square root of x."),
      on(DTypes::kFloats, "rsqrt", &rsqrt, "1 / sqrt(x)."),
      on(DTypes::kFloats, "reciprocal", &reciprocal, "1 / x."),
      on(DTypes::kFloats, "exp", &exp, "e^x."),
      on(DTypes::kFloats, "expm1", &expm1, "e^x - 1, exact near 0."),
      on(DTypes::kFloats, "log", &log, "The natural logarithm of x."),
      on(DTypes::kFloats, "log1p", &log1p, "log(1 + x), exact near 0."),
      on(DTypes::kFloats, "sin", &sin, "The sine of x in radians."),
      on(DTypes::kFloats, "cos", &cos, "The cosine of x in radians."),
      on(DTypes::kFloats, "erf", &erf,
         "The error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x."),
  };
}

}  // namespace hebb::ops
