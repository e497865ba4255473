// Every element-wise formula, once, for all devices; a line in a list declares its slot.
//
// A formula is a template over the device's number type T: a vector register on CPUs, a scalar on GPUs. It is
// given the operands and up to four scalar parameters. Its vocabulary (select, max, exp, ...) is the
// device's: the header that has it defines HEBB_VOCABULARY before it includes this one; everyone else gets
// the lists alone.
#pragma once

// X(slot, formula, operands, class): Floats for f32 and f64, Numbers for i32 and i64 as well.
#define HEBB_FORMULAS(X)                       \
  X(add, Add, 2, Numbers)                      \
  X(sub, Sub, 2, Numbers)                      \
  X(mul, Mul, 2, Numbers)                      \
  X(div, Div, 2, Floats)                       \
  X(pow, Pow, 2, Numbers)                      \
  X(maximum, Maximum, 2, Numbers)              \
  X(minimum, Minimum, 2, Numbers)              \
  X(neg, Neg, 1, Numbers)                      \
  X(abs, Abs, 1, Numbers)                      \
  X(sign, Sign, 1, Numbers)                    \
  X(square, Square, 1, Numbers)                \
  X(clamp, Clamp, 1, Numbers)                  \
  X(floor, Floor, 1, Floats)                   \
  X(ceil, Ceil, 1, Floats)                     \
  X(round, Round, 1, Floats)                   \
  X(sqrt, Sqrt, 1, Floats)                     \
  X(rsqrt, Rsqrt, 1, Floats)                   \
  X(reciprocal, Reciprocal, 1, Floats)         \
  X(exp, Exp, 1, Floats)                       \
  X(expm1, Expm1, 1, Floats)                   \
  X(log, Log, 1, Floats)                       \
  X(log1p, Log1p, 1, Floats)                   \
  X(sin, Sin, 1, Floats)                       \
  X(cos, Cos, 1, Floats)                       \
  X(tanh, Tanh, 1, Floats)                     \
  X(sigmoid, Sigmoid, 1, Floats)               \
  X(erf, Erf, 1, Floats)                       \
  X(relu, Relu, 1, Floats)                     \
  X(leaky_relu, LeakyRelu, 1, Floats)          \
  X(elu, Elu, 1, Floats)                       \
  X(gelu, Gelu, 1, Floats)                     \
  X(gelu_tanh, GeluTanh, 1, Floats)            \
  X(silu, Silu, 1, Floats)                     \
  X(softplus, Softplus, 1, Floats)             \
  X(where, Where, 3, Numbers)                  \
  X(greater_share, GreaterShare, 2, Floats)    \
  X(clamp_grad, ClampGrad, 2, Floats)          \
  X(tanh_grad, TanhGrad, 2, Floats)            \
  X(sigmoid_grad, SigmoidGrad, 2, Floats)      \
  X(relu_grad, ReluGrad, 2, Floats)            \
  X(leaky_relu_grad, LeakyReluGrad, 2, Floats) \
  X(elu_grad, EluGrad, 2, Floats)              \
  X(gelu_grad, GeluGrad, 2, Floats)            \
  X(gelu_tanh_grad, GeluTanhGrad, 2, Floats)   \
  X(silu_grad, SiluGrad, 2, Floats)

// X(slot, formula, operands): the result is bool, the operands are compared in their promoted compute type.
#define HEBB_PREDICATES(X)          \
  X(equal, Equal, 2)                \
  X(not_equal, NotEqual, 2)         \
  X(less, Less, 2)                  \
  X(less_equal, LessEqual, 2)       \
  X(greater, Greater, 2)            \
  X(greater_equal, GreaterEqual, 2) \
  X(is_nan, IsNan, 1)               \
  X(is_finite, IsFinite, 1)         \
  X(logical_and, LogicalAnd, 2)     \
  X(logical_or, LogicalOr, 2)       \
  X(logical_not, LogicalNot, 1)

#ifdef HEBB_VOCABULARY

namespace hebb::kernels::HEBB_ISA {
namespace {

// s are the scalar parameters; formulas without any leave them unnamed.
#define HEBB_FORMULA_1(name, expression)            \
  struct name {                                     \
    template <class T>                              \
    HEBB_INLINE T operator()(T x, const T*) const { \
      return expression;                            \
    }                                               \
  };
#define HEBB_FORMULA_2(name, expression)                 \
  struct name {                                          \
    template <class T>                                   \
    HEBB_INLINE T operator()(T a, T b, const T*) const { \
      return expression;                                 \
    }                                                    \
  };

HEBB_FORMULA_2(Add, a + b)
HEBB_FORMULA_2(Sub, a - b)
HEBB_FORMULA_2(Mul, a* b)
HEBB_FORMULA_2(Div, a / b)
HEBB_FORMULA_2(Pow, pow(a, b))
HEBB_FORMULA_2(Maximum, max(a, b))
HEBB_FORMULA_2(Minimum, min(a, b))

HEBB_FORMULA_1(Neg, -x)
HEBB_FORMULA_1(Abs, abs(x))
HEBB_FORMULA_1(Sign, select(x > T(0), T(1), select(x < T(0), T(-1), x)))
HEBB_FORMULA_1(Square, x* x)
HEBB_FORMULA_1(Floor, floor(x))
HEBB_FORMULA_1(Ceil, ceil(x))
HEBB_FORMULA_1(Round, round(x))
HEBB_FORMULA_1(Sqrt, sqrt(x))
HEBB_FORMULA_1(Rsqrt, T(1) / sqrt(x))
HEBB_FORMULA_1(Reciprocal, T(1) / x)
HEBB_FORMULA_1(Exp, exp(x))
HEBB_FORMULA_1(Expm1, expm1(x))
HEBB_FORMULA_1(Log, log(x))
HEBB_FORMULA_1(Log1p, log1p(x))
HEBB_FORMULA_1(Sin, sin(x))
HEBB_FORMULA_1(Cos, cos(x))
HEBB_FORMULA_1(Tanh, tanh(x))
HEBB_FORMULA_1(Sigmoid, sigmoid(x))
HEBB_FORMULA_1(Erf, erf(x))
// Comparisons are turned so that a NaN passes through.
HEBB_FORMULA_1(Relu, select(x < T(0), T(0), x))
HEBB_FORMULA_1(Silu, x* sigmoid(x))
HEBB_FORMULA_1(Softplus, max(x, T(0)) + log1p(exp(-abs(x))))
HEBB_FORMULA_1(Gelu, x* normal_parts(x).below)

// s: low, high.
struct Clamp {
  template <class T>
  HEBB_INLINE T operator()(T x, const T* s) const {
    return select(x < s[0], s[0], select(x > s[1], s[1], x));
  }
};
// s: slope.
struct LeakyRelu {
  template <class T>
  HEBB_INLINE T operator()(T x, const T* s) const {
    return select(x < T(0), x * s[0], x);
  }
};
// s: the factor of e^x - 1 below 0, the factor above.
struct Elu {
  template <class T>
  HEBB_INLINE T operator()(T x, const T* s) const {
    return select(x < T(0), s[0] * expm1(min(x, T(0))), s[1] * x);
  }
};

// sqrt(2 / pi) (x + 0.044715 x^3), what gelu's approximation takes the tanh of.
template <class T>
HEBB_INLINE T gelu_argument(T x) {
  return T(0.7978845608028654) * x * (T(1) + T(0.044715) * x * x);
}
HEBB_FORMULA_1(GeluTanh, T(0.5) * x * (T(1) + tanh(gelu_argument(x))))

struct Where {
  template <class T>
  HEBB_INLINE T operator()(T condition, T yes, T no, const T*) const {
    return select(condition != T(0), yes, no);
  }
};

// How much of the gradient of the larger of a and b is a's: a tie is shared.
HEBB_FORMULA_2(GreaterShare, select(a > b, T(1), select(a == b, T(0.5), T(0))))

// Gradients: a is the gradient of the result, b the input (tanh and sigmoid: the result).
HEBB_FORMULA_2(TanhGrad, a*(T(1) - b * b))
HEBB_FORMULA_2(SigmoidGrad, a* b*(T(1) - b))
HEBB_FORMULA_2(ReluGrad, select(b > T(0), a, T(0)))
struct ClampGrad {
  template <class T>
  HEBB_INLINE T operator()(T a, T b, const T* s) const {
    return select((b >= s[0]) & (b <= s[1]), a, T(0));
  }
};
struct LeakyReluGrad {
  template <class T>
  HEBB_INLINE T operator()(T a, T b, const T* s) const {
    return select(b > T(0), a, a * s[0]);
  }
};
struct EluGrad {
  template <class T>
  HEBB_INLINE T operator()(T a, T b, const T* s) const {
    return a * select(b > T(0), s[1], s[0] * exp(min(b, T(0))));
  }
};
struct GeluGrad {
  template <class T>
  HEBB_INLINE T operator()(T a, T b, const T*) const {
    const auto normal = normal_parts(b);
    return a * (normal.below + b * T(0.3989422804014327) * normal.hump);
  }
};
struct GeluTanhGrad {
  template <class T>
  HEBB_INLINE T operator()(T a, T b, const T*) const {
    const T t = tanh(gelu_argument(b));
    const T slope = T(0.7978845608028654) * (T(1) + T(0.134145) * b * b);
    return a * T(0.5) * (T(1) + t + b * (T(1) - t * t) * slope);
  }
};
struct SiluGrad {
  template <class T>
  HEBB_INLINE T operator()(T a, T b, const T*) const {
    const T s = sigmoid(b);
    return a * s * (T(1) + b * (T(1) - s));
  }
};

#undef HEBB_FORMULA_1
#undef HEBB_FORMULA_2

// Predicates take scalars on CPUs too: compilers vectorise comparisons by themselves.
#define HEBB_PREDICATE_1(name, expression)   \
  struct name {                              \
    template <class T>                       \
    HEBB_INLINE auto operator()(T x) const { \
      return expression;                     \
    }                                        \
  };
#define HEBB_PREDICATE_2(name, expression)        \
  struct name {                                   \
    template <class T>                            \
    HEBB_INLINE auto operator()(T a, T b) const { \
      return expression;                          \
    }                                             \
  };

HEBB_PREDICATE_2(Equal, a == b)
HEBB_PREDICATE_2(NotEqual, a != b)
HEBB_PREDICATE_2(Less, a < b)
HEBB_PREDICATE_2(LessEqual, a <= b)
HEBB_PREDICATE_2(Greater, a > b)
HEBB_PREDICATE_2(GreaterEqual, a >= b)
HEBB_PREDICATE_1(IsNan, x != x)
HEBB_PREDICATE_1(IsFinite, x - x == T(0))
HEBB_PREDICATE_2(LogicalAnd, (a != T(0)) & (b != T(0)))
HEBB_PREDICATE_2(LogicalOr, (a != T(0)) | (b != T(0)))
HEBB_PREDICATE_1(LogicalNot, x == T(0))

#undef HEBB_PREDICATE_1
#undef HEBB_PREDICATE_2

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

#endif
