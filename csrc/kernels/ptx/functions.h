// Functions that kernels/cpu takes from libm.
#pragma once

#include "kernels/ptx/number.h"

namespace hebb::kernels::ptx {
namespace {

inline Real sin(const Real& x) { return near_sin(x); }
inline Real cos(const Real& x) { return near_cos(x); }
inline Real pow(const Real& x, const Real& y) { return exp(y * log(x)); }

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
