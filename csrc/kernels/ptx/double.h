// The moves between types that the functions of f64 are made of, as PTX.
#pragma once

#include "kernels/ptx/number.h"

namespace hebb::kernels::ptx {
namespace {

using Double = Number<double>;
using Long = Number<int64_t>;

inline Number<int32_t> round_int(const Double& x) { return made<int32_t>("cvt.rni.s32.f64", x); }
inline Double to_double(const Long& x) { return made<double>("cvt.rn.f64.s64", x); }
inline Double to_double_unsigned(const Long& x) { return made<double>("cvt.rn.f64.u64", x); }
inline Long widened(const Number<int32_t>& x) { return made<int64_t>("cvt.s64.s32", x); }
inline Number<int32_t> narrowed(const Long& x) { return made<int32_t>("cvt.u32.u64", x); }
inline Double widened(const Number<float>& x) { return made<double>("cvt.f64.f32", x); }
inline Number<float> narrowed(const Double& x) { return made<float>("cvt.rn.f32.f64", x); }

// Of words without a sign; by 0 to 64.
inline Long shift_left(const Long& x, const Number<int32_t>& by) {
  return Long(recorder->append(PtxType::kB64, "shl.b64", {x.known(), by.known()}));
}
inline Long shift_right(const Long& x, const Number<int32_t>& by) {
  return Long(recorder->append(PtxType::kB64, "shr.u64", {x.known(), by.known()}));
}
inline Long multiply_high(const Long& a, const Long& b) { return made<int64_t>("mul.hi.u64", a, b); }
inline Predicate less_unsigned(const Long& a, const Long& b) {
  return {recorder->append(PtxType::kPred, "setp.lt.u64", {a.known(), b.known()})};
}

// far() where `common` does not hold: behind a branch, since it is long.
template <class T, class Far>
Number<T> unless(const Predicate& common, const Number<T>& near, Far&& far) {
  const std::string move = Named<T>::kType == PtxType::kF32 ? "mov.f32 " : "mov.f64 ";
  const PtxValue result = recorder->fresh(Named<T>::kType);
  recorder->line(move + result.text() + ", " + near.known().text());
  const std::string behind = recorder->fresh_label();
  recorder->line('@' + common.value.text() + " bra " + behind);
  const Number<T> other = far();
  recorder->line(move + result.text() + ", " + other.known().text());
  recorder->label(behind);
  return Number<T>(result);
}

// By squaring; wraps. A negative exponent truncates: 0, except for bases 1 and -1 (and 0, where it is 0 too).
template <class T>
requires std::is_integral_v<T> Number<T> pow(const Number<T>& base, const Number<T>& exponent) {
  constexpr int kBits = static_cast<int>(8 * sizeof(T)) - 1;
  const Number<T> zero(0), one(1);
  Number<T> power = one, factor = base;
  for (int bit = 0; bit < kBits; ++bit) {
    const Predicate set = (exponent & Number<T>(T{1} << bit)) != zero;
    power = select(set, power * factor, power);
    factor = factor * factor;
  }
  const Number<T> of_minus_one = select((exponent & one) == zero, one, Number<T>(-1));
  const Number<T> inverse = select(base == one, one, select(base == Number<T>(-1), of_minus_one, zero));
  return select(exponent < zero, inverse, power);
}

}  // namespace
}  // namespace hebb::kernels::ptx
