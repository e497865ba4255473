// The vocabulary of functors.h for single numbers, and the formulas in it. Functions of f32 are those of the
// CPU; of f64, libm's on the emulator and CUDA's own on a device, which differ in the last bits.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/dtype.h"
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

HEBB_INLINE float fast_max(float a, float b) { return a > b ? a : b; }
HEBB_INLINE float fast_min(float a, float b) { return a < b ? a : b; }

HEBB_INLINE float abs(float x) { return ::fabsf(x); }
HEBB_INLINE float floor(float x) { return ::floorf(x); }
HEBB_INLINE float ceil(float x) { return ::ceilf(x); }
HEBB_INLINE float round(float x) { return ::rintf(x); }  // half to even
HEBB_INLINE float sqrt(float x) { return ::sqrtf(x); }
HEBB_INLINE float copysign(float a, float b) { return ::copysignf(a, b); }
HEBB_INLINE float fma(float a, float b, float c) { return ::fmaf(a, b, c); }
HEBB_INLINE float fnma(float a, float b, float c) { return ::fmaf(-a, b, c); }
HEBB_INLINE int32_t to_bits(float x) { return static_cast<int32_t>(float_bits(x)); }
template <class T>
HEBB_INLINE T from_bits(int32_t bits) {
  return bits_float(static_cast<uint32_t>(bits));
}
HEBB_INLINE int32_t trunc_int(float x) { return static_cast<int32_t>(x); }
HEBB_INLINE int32_t round_int(float x) { return static_cast<int32_t>(::rintf(x)); }
HEBB_INLINE float to_float(int32_t x) { return static_cast<float>(x); }

using Real = float;
using Whole = int32_t;

}  // namespace
}  // namespace hebb::kernels::cuda

// nvcc unrolls short loops unasked, and does not know how g++ is told to.
#if defined(__CUDACC__)
#pragma nv_diag_suppress 1675
#endif
#include "kernels/elementary.h"
#if defined(__CUDACC__)
#pragma nv_diag_default 1675
#endif

namespace hebb::kernels::cuda {
namespace {

HEBB_INLINE float sin(float x) { return ::fabsf(x) <= kTrigLimit ? near_sin(x) : ::sinf(x); }
HEBB_INLINE float cos(float x) { return ::fabsf(x) <= kTrigLimit ? near_cos(x) : ::cosf(x); }
HEBB_INLINE float pow(float x, float y) { return static_cast<float>(::pow(double{x}, double{y})); }

#define HEBB_FUNCTION(name) \
  HEBB_INLINE double name(double x) { return ::name(x); }
HEBB_FUNCTION(floor)
HEBB_FUNCTION(ceil)
HEBB_FUNCTION(sqrt)
HEBB_FUNCTION(exp)
HEBB_FUNCTION(expm1)
HEBB_FUNCTION(log)
HEBB_FUNCTION(log1p)
HEBB_FUNCTION(sin)
HEBB_FUNCTION(cos)
HEBB_FUNCTION(tanh)
HEBB_FUNCTION(erf)
#undef HEBB_FUNCTION
HEBB_INLINE double abs(double x) { return ::fabs(x); }
HEBB_INLINE double round(double x) { return ::rint(x); }
HEBB_INLINE double pow(double x, double y) { return ::pow(x, y); }

HEBB_INLINE Int32 abs(Int32 x) { return max(x, -x); }
HEBB_INLINE Int64 abs(Int64 x) { return max(x, -x); }

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

HEBB_INLINE NormalParts<double> normal_parts(double x) {
  return {0.5 * ::erfc(x * -0.7071067811865476), ::exp(-0.5 * x * x)};
}

}  // namespace
}  // namespace hebb::kernels::cuda

#define HEBB_VOCABULARY
#include "kernels/functors.h"
