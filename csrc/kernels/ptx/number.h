// Number<T>: a number that is not computed but written down. Arithmetic on it appends instructions of PTX to
// the kernel that is being emitted, so that the formulas of functors.h and elementary.h serve here as they
// are.
#pragma once

#include <cstdint>
#include <type_traits>

#include "stream/ptx/convert.h"
#include "stream/ptx/writer.h"

namespace hebb::kernels::ptx {

using stream::PtxType;
using stream::PtxValue;
using stream::PtxWriter;

// The writer of the formula that is being emitted on this thread.
inline thread_local PtxWriter* recorder = nullptr;

template <class T>
struct Named;
template <>
struct Named<float> {
  static constexpr PtxType kType = PtxType::kF32;
  static constexpr DType kDType = DType::kF32;
};
template <>
struct Named<double> {
  static constexpr PtxType kType = PtxType::kF64;
  static constexpr DType kDType = DType::kF64;
};
template <>
struct Named<int32_t> {
  static constexpr PtxType kType = PtxType::kB32;
  static constexpr DType kDType = DType::kI32;
};
template <>
struct Named<int64_t> {
  static constexpr PtxType kType = PtxType::kB64;
  static constexpr DType kDType = DType::kI64;
};

template <class T>
struct Number {
  PtxValue value;
  int parameter = -1;  // of the formula, converted where it is used

  Number() = default;
  explicit Number(const PtxValue& known) : value(known) {}
  template <class N>
  requires std::is_arithmetic_v<N>
  explicit Number(N number) : value(PtxValue::of(static_cast<T>(number))) {}

  static Number scalar(int index) {
    Number number;
    number.parameter = index;
    return number;
  }
  PtxValue known() const {
    if (parameter < 0) return value;
    return stream::ptx_convert(*recorder, recorder->scalar(parameter), DType::kF64, Named<T>::kDType);
  }
};

struct Predicate {
  PtxValue value;
};

// The opcode with the suffix of T.
template <class T>
const char* opcode(const char* f32, const char* f64, const char* i32, const char* i64) {
  switch (Named<T>::kType) {
    case PtxType::kF32:
      return f32;
    case PtxType::kF64:
      return f64;
    case PtxType::kB32:
      return i32;
    default:
      return i64;
  }
}
template <class R, class... In>
Number<R> made(const char* opcode, const In&... in) {
  return Number<R>(recorder->append(Named<R>::kType, opcode, {in.known()...}));
}

#define HEBB_OPERATOR(op, f32, f64, i32, i64)                     \
  template <class T>                                              \
  Number<T> operator op(const Number<T>& a, const Number<T>& b) { \
    return made<T>(opcode<T>(f32, f64, i32, i64), a, b);          \
  }
HEBB_OPERATOR(+, "add.rn.f32", "add.rn.f64", "add.s32", "add.s64")
HEBB_OPERATOR(-, "sub.rn.f32", "sub.rn.f64", "sub.s32", "sub.s64")
HEBB_OPERATOR(*, "mul.rn.f32", "mul.rn.f64", "mul.lo.s32", "mul.lo.s64")
HEBB_OPERATOR(/, "div.rn.f32", "div.rn.f64", "div.s32", "div.s64")
HEBB_OPERATOR(&, "", "", "and.b32", "and.b64")
HEBB_OPERATOR(|, "", "", "or.b32", "or.b64")
HEBB_OPERATOR(^, "", "", "xor.b32", "xor.b64")
#undef HEBB_OPERATOR
template <class T>
Number<T> operator-(const Number<T>& a) {
  return made<T>(opcode<T>("neg.f32", "neg.f64", "neg.s32", "neg.s64"), a);
}
template <class T>
Number<T> operator<<(const Number<T>& a, int count) {
  return made<T>(opcode<T>("", "", "shl.b32", "shl.b64"), a, Number<int32_t>(count));
}
// Keeps the sign.
template <class T>
Number<T> operator>>(const Number<T>& a, int count) {
  return made<T>(opcode<T>("", "", "shr.s32", "shr.s64"), a, Number<int32_t>(count));
}

#define HEBB_COMPARE(op, name, float_name)                                                                  \
  template <class T>                                                                                        \
  Predicate operator op(const Number<T>& a, const Number<T>& b) {                                           \
    const char* code = opcode<T>("setp." float_name ".f32", "setp." float_name ".f64", "setp." name ".s32", \
                                 "setp." name ".s64");                                                      \
    return {recorder->append(PtxType::kPred, code, {a.known(), b.known()})};                                \
  }
HEBB_COMPARE(==, "eq", "eq")
HEBB_COMPARE(!=, "ne", "neu")
HEBB_COMPARE(<, "lt", "lt")
HEBB_COMPARE(<=, "le", "le")
HEBB_COMPARE(>, "gt", "gt")
HEBB_COMPARE(>=, "ge", "ge")
#undef HEBB_COMPARE
inline Predicate operator&(const Predicate& a, const Predicate& b) {
  return {recorder->append(PtxType::kPred, "and.pred", {a.value, b.value})};
}
inline Predicate operator|(const Predicate& a, const Predicate& b) {
  return {recorder->append(PtxType::kPred, "or.pred", {a.value, b.value})};
}
inline Predicate operator!(const Predicate& a) {
  return {recorder->append(PtxType::kPred, "not.pred", {a.value})};
}

template <class T>
Number<T> select(const Predicate& condition, const Number<T>& yes, const Number<T>& no) {
  const char* code = opcode<T>("selp.f32", "selp.f64", "selp.b32", "selp.b64");
  return Number<T>(recorder->append(Named<T>::kType, code, {yes.known(), no.known(), condition.value}));
}

// b where either is NaN.
template <class T>
Number<T> fast_max(const Number<T>& a, const Number<T>& b) {
  return select(a > b, a, b);
}
template <class T>
Number<T> fast_min(const Number<T>& a, const Number<T>& b) {
  return select(a < b, a, b);
}
// NaN where either is.
template <class T>
Number<T> max(const Number<T>& a, const Number<T>& b) {
  if constexpr (std::is_integral_v<T>) return made<T>(opcode<T>("", "", "max.s32", "max.s64"), a, b);
  return select((a != a) | (a > b), a, b);
}
template <class T>
Number<T> min(const Number<T>& a, const Number<T>& b) {
  if constexpr (std::is_integral_v<T>) return made<T>(opcode<T>("", "", "min.s32", "min.s64"), a, b);
  return select((a != a) | (a < b), a, b);
}

template <class T>
Number<T> abs(const Number<T>& x) {
  if constexpr (std::is_integral_v<T>) return max(x, -x);
  return made<T>(opcode<T>("abs.f32", "abs.f64", "", ""), x);
}
#define HEBB_FUNCTION(name, f32, f64)               \
  template <class T>                                \
  Number<T> name(const Number<T>& x) {              \
    return made<T>(opcode<T>(f32, f64, "", ""), x); \
  }
HEBB_FUNCTION(floor, "cvt.rmi.f32.f32", "cvt.rmi.f64.f64")
HEBB_FUNCTION(ceil, "cvt.rpi.f32.f32", "cvt.rpi.f64.f64")
HEBB_FUNCTION(round, "cvt.rni.f32.f32", "cvt.rni.f64.f64")  // half to even
HEBB_FUNCTION(sqrt, "sqrt.rn.f32", "sqrt.rn.f64")
#undef HEBB_FUNCTION

// a b + c and c - a b, rounded once.
template <class T>
Number<T> fma(const Number<T>& a, const Number<T>& b, const Number<T>& c) {
  return made<T>(opcode<T>("fma.rn.f32", "fma.rn.f64", "", ""), a, b, c);
}
template <class T>
Number<T> fnma(const Number<T>& a, const Number<T>& b, const Number<T>& c) {
  return fma(-a, b, c);
}

inline Number<int32_t> to_bits(const Number<float>& x) { return made<int32_t>("mov.b32", x); }
inline Number<int64_t> to_bits(const Number<double>& x) { return made<int64_t>("mov.b64", x); }
template <class T>
Number<T> from_bits(const Number<int32_t>& x) {
  return made<T>("mov.b32", x);
}
template <class T>
Number<T> from_bits(const Number<int64_t>& x) {
  return made<T>("mov.b64", x);
}
inline Number<float> to_float(const Number<int32_t>& x) { return made<float>("cvt.rn.f32.s32", x); }
inline Number<int32_t> trunc_int(const Number<float>& x) { return made<int32_t>("cvt.rzi.s32.f32", x); }
inline Number<int32_t> round_int(const Number<float>& x) { return made<int32_t>("cvt.rni.s32.f32", x); }

}  // namespace hebb::kernels::ptx
