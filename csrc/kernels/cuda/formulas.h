// The vocabulary of functors.h for single numbers, and the formulas in it. Functions are those of libm on the
// emulator and of CUDA's own on a device: they differ in the last bits, and nowhere else.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/inline.h"

namespace hebb::kernels::cuda {
namespace {

// An integer that wraps around: the language leaves it open for its own.
template <class Signed, class Unsigned>
struct Wrapping {
  Signed value;

  Wrapping() = default;
  template <class N>
  HEBB_INLINE explicit Wrapping(N number) : value(static_cast<Signed>(number)) {}

  HEBB_INLINE static Wrapping of(Unsigned bits) { return Wrapping(static_cast<Signed>(bits)); }
  HEBB_INLINE Unsigned bits() const { return static_cast<Unsigned>(value); }

  HEBB_INLINE friend Wrapping operator+(Wrapping a, Wrapping b) { return of(a.bits() + b.bits()); }
  HEBB_INLINE friend Wrapping operator-(Wrapping a, Wrapping b) { return of(a.bits() - b.bits()); }
  HEBB_INLINE friend Wrapping operator*(Wrapping a, Wrapping b) { return of(a.bits() * b.bits()); }
  HEBB_INLINE friend Wrapping operator-(Wrapping a) { return of(Unsigned{0} - a.bits()); }
  HEBB_INLINE friend bool operator<(Wrapping a, Wrapping b) { return a.value < b.value; }
  HEBB_INLINE friend bool operator<=(Wrapping a, Wrapping b) { return a.value <= b.value; }
  HEBB_INLINE friend bool operator>(Wrapping a, Wrapping b) { return a.value > b.value; }
  HEBB_INLINE friend bool operator>=(Wrapping a, Wrapping b) { return a.value >= b.value; }
  HEBB_INLINE friend bool operator==(Wrapping a, Wrapping b) { return a.value == b.value; }
  HEBB_INLINE friend bool operator!=(Wrapping a, Wrapping b) { return a.value != b.value; }
};
using Int32 = Wrapping<int32_t, uint32_t>;
using Int64 = Wrapping<int64_t, uint64_t>;

template <class T>
HEBB_INLINE T select(bool condition, T yes, T no) {
  return condition ? yes : no;
}
// NaN where either is.
template <class T>
HEBB_INLINE T max(T a, T b) {
  return a != a || a > b ? a : b;
}
template <class T>
HEBB_INLINE T min(T a, T b) {
  return a != a || a < b ? a : b;
}

#define HEBB_FUNCTION(name, of_float, of_double)            \
  HEBB_INLINE float name(float x) { return ::of_float(x); } \
  HEBB_INLINE double name(double x) { return ::of_double(x); }
HEBB_FUNCTION(abs, fabsf, fabs)
HEBB_FUNCTION(floor, floorf, floor)
HEBB_FUNCTION(ceil, ceilf, ceil)
HEBB_FUNCTION(round, rintf, rint)  // half to even
HEBB_FUNCTION(sqrt, sqrtf, sqrt)
HEBB_FUNCTION(exp, expf, exp)
HEBB_FUNCTION(expm1, expm1f, expm1)
HEBB_FUNCTION(log, logf, log)
HEBB_FUNCTION(log1p, log1pf, log1p)
HEBB_FUNCTION(sin, sinf, sin)
HEBB_FUNCTION(cos, cosf, cos)
HEBB_FUNCTION(tanh, tanhf, tanh)
HEBB_FUNCTION(erf, erff, erf)
#undef HEBB_FUNCTION

HEBB_INLINE Int32 abs(Int32 x) { return max(x, -x); }
HEBB_INLINE Int64 abs(Int64 x) { return max(x, -x); }

HEBB_INLINE float pow(float x, float y) { return ::powf(x, y); }
HEBB_INLINE double pow(double x, double y) { return ::pow(x, y); }
// By squaring. A negative exponent truncates: 0, except for bases 1 and -1 (and 0, where it is 0 too).
template <class I, class U>
HEBB_INLINE Wrapping<I, U> pow(Wrapping<I, U> x, Wrapping<I, U> y) {
  using T = Wrapping<I, U>;
  if (y.value < 0) return x.value == 1 ? x : x.value == -1 ? (y.value % 2 == 0 ? T(I{1}) : x) : T(I{0});
  T power(I{1}), factor = x;
  for (I rest = y.value; rest > 0; rest >>= 1) {
    if (rest & 1) power = power * factor;
    factor = factor * factor;
  }
  return power;
}

template <class T>
HEBB_INLINE T sigmoid(T x) {
  return T(1) / (T(1) + exp(-x));
}

// What the normal distribution has below x, and exp(-x^2 / 2).
template <class T>
struct NormalParts {
  T below, hump;
};
HEBB_INLINE NormalParts<float> normal_parts(float x) {
  return {0.5f * ::erfcf(x * -0.70710678f), ::expf(-0.5f * x * x)};
}
HEBB_INLINE NormalParts<double> normal_parts(double x) {
  return {0.5 * ::erfc(x * -0.7071067811865476), ::exp(-0.5 * x * x)};
}

}  // namespace
}  // namespace hebb::kernels::cuda

#define HEBB_VOCABULARY
#include "kernels/functors.h"
