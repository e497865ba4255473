// Powers, and what else kernels/cpu takes from libm.
#pragma once

#include "kernels/ptx/double_functions.h"
#include "kernels/ptx/trigonometry.h"

namespace hebb::kernels::ptx {
namespace {

inline NormalParts<Double> normal_parts(const Double& x) {
  return {Double(0.5) * erfc(x * Double(-0.7071067811865476)), exp(Double(-0.5) * x * x)};
}

// A number as the sum of two, the second a rounding error of the first.
struct Pair {
  Double high, low;
};
// Where a is 0 or not smaller than b.
inline Pair sum(const Double& a, const Double& b) {
  const Double high = a + b;
  return {high, b - (high - a)};
}
inline Pair product(const Double& a, const Double& b) {
  const Double high = a * b;
  return {high, fma(a, b, -high)};
}

// The logarithm of a positive number with ten more digits than an f64 has.
inline Pair long_log(const Double& x) {
  const auto [e, f] = log_parts(x);
  const Double two(2), below = two + f;
  // s = f / (2 + f) and what its rounding lost, then the cube, whose factor is 2/3.
  const Double s = f / below;
  const Double s_low = fma(-s, f - (below - two), fma(-s, below, f)) / below;
  const Pair square = product(s, s);
  const Pair cube = product(square.high, s);
  const Double cube_low = fma(square.low, s, fma(Double(3) * square.high, s_low, cube.low));
  const Pair third = product(cube.high, Double(2.0 / 3));
  const Double third_low =
      fma(cube_low, Double(2.0 / 3), fma(cube.high, Double(0x1.5555555555555p-55), third.low));
  const Double rest = cube.high * square.high * artanh_rest<1>(square.high);
  const Pair head = sum(e * Double(kLogHead), two * s);
  const Pair more = sum(head.high, third.high);
  const Double tail = head.low + more.low + fma(e, Double(kLogTail), fma(two, s_low, third_low + rest));
  return sum(more.high, tail);
}

inline Double pow(const Double& x, const Double& y) {
  const Double size = abs(x), one(1), zero(0), infinity(__builtin_inf());
  const Pair log = long_log(size);
  const Pair exponent = product(y, log.high);
  // The low part changes e^high by less than a thousandth.
  const Double low = fma(y, log.low, exponent.low);
  const Double high = exp(exponent.high);
  const Predicate plain = (size > zero) & (size < infinity) & (abs(exponent.high) < Double(750));
  const Double borders = exp(y * ptx::log(size));
  Double power = select(plain, fma(high, low, high), borders);
  const Double half = y * Double(0.5);
  const Predicate whole = floor(y) == y, odd = whole & (floor(half) != half);
  power = select(odd, copysign(power, x), power);
  power = select((x < zero) & (x > -infinity) & !whole, Double(__builtin_nan("")), power);
  power = select((size == one) & (abs(y) == infinity), one, power);
  return select((x == one) | (y == zero), one, power);
}
inline Real pow(const Real& x, const Real& y) {
  const Double power = pow(made<double>("cvt.f64.f32", x), made<double>("cvt.f64.f32", y));
  return made<float>("cvt.rn.f32.f64", power);
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
