// pow: included as elementary64.h, behind it.
#pragma once

#include "core/inline.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// A number as the sum of two, the second a rounding error of the first.
struct Pair {
  Double high, low;
};
// Where a is 0 or not smaller than b.
HEBB_INLINE Pair sum(Double a, Double b) {
  const Double high = a + b;
  return {high, b - (high - a)};
}
HEBB_INLINE Pair product(Double a, Double b) {
  const Double high = a * b;
  return {high, fma(a, b, -high)};
}

// The logarithm of a positive number with ten more digits than an f64 has.
HEBB_INLINE Pair long_log(Double x) {
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

HEBB_INLINE Double pow(Double x, Double y) {
  const Double size = abs(x), one(1), zero(0), infinity(__builtin_inf());
  const Pair of_size = long_log(size);
  const Pair exponent = product(y, of_size.high);
  // The low part changes e^high by less than a thousandth.
  const Double low = fma(y, of_size.low, exponent.low);
  const Double high = exp(exponent.high);
  const Predicate plain = (size > zero) & (size < infinity) & (abs(exponent.high) < Double(750));
  const Double borders = exp(y * log(size));
  Double power = select(plain, fma(high, low, high), borders);
  const Double half = y * Double(0.5);
  const Predicate whole = floor(y) == y, odd = whole & (floor(half) != half);
  power = select(odd, copysign(power, x), power);
  power = select((x < zero) & (x > -infinity) & !whole, Double(__builtin_nan("")), power);
  power = select((size == one) & (abs(y) == infinity), one, power);
  return select((x == one) | (y == zero), one, power);
}
HEBB_INLINE Real pow(Real x, Real y) {
  const Double power = pow(widened(x), widened(y));
  return narrowed(power);
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
