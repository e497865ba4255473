// The vocabulary of functors.h for single numbers, and the formulas in it: the same bits on a device, on the
// emulator and in fused commands. Functions of f32 are those of the CPU too, but for pow and far sin and cos.
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
  HEBB_INLINE friend Wrapping operator&(Wrapping a, Wrapping b) { return of(a.bits() & b.bits()); }
  HEBB_INLINE friend Wrapping operator|(Wrapping a, Wrapping b) { return of(a.bits() | b.bits()); }
  HEBB_INLINE friend Wrapping operator<<(Wrapping a, int count) { return of(a.bits() << count); }
  // Keeps the sign.
  HEBB_INLINE friend Wrapping operator>>(Wrapping a, int count) { return Wrapping(a.value >> count); }
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

HEBB_INLINE double fast_max(double a, double b) { return a > b ? a : b; }
HEBB_INLINE double fast_min(double a, double b) { return a < b ? a : b; }
HEBB_INLINE double abs(double x) { return ::fabs(x); }
HEBB_INLINE double floor(double x) { return ::floor(x); }
HEBB_INLINE double ceil(double x) { return ::ceil(x); }
HEBB_INLINE double round(double x) { return ::rint(x); }
HEBB_INLINE double sqrt(double x) { return ::sqrt(x); }
HEBB_INLINE double fma(double a, double b, double c) { return ::fma(a, b, c); }
HEBB_INLINE double fnma(double a, double b, double c) { return ::fma(-a, b, c); }
HEBB_INLINE Int64 to_bits(double x) { return Int64::of(__builtin_bit_cast(uint64_t, x)); }
template <class T>
HEBB_INLINE T from_bits(Int64 bits) {
  return __builtin_bit_cast(T, bits.bits());
}
HEBB_INLINE int32_t round_int(double x) { return static_cast<int32_t>(::rint(x)); }
HEBB_INLINE double to_double(Int64 x) { return static_cast<double>(x.value); }
HEBB_INLINE double to_double_unsigned(Int64 x) { return static_cast<double>(x.bits()); }
HEBB_INLINE Int64 widened(int32_t x) { return Int64(x); }
HEBB_INLINE int32_t narrowed(Int64 x) { return static_cast<int32_t>(x.value); }
HEBB_INLINE double widened(float x) { return x; }
HEBB_INLINE float narrowed(double x) { return static_cast<float>(x); }
// Of words without a sign; by 0 to 64.
HEBB_INLINE Int64 shift_left(Int64 x, int by) { return by > 63 ? Int64(0) : x << by; }
HEBB_INLINE Int64 shift_right(Int64 x, int by) { return by > 63 ? Int64(0) : Int64::of(x.bits() >> by); }
HEBB_INLINE Int64 multiply_high(Int64 a, Int64 b) {
  return Int64::of(static_cast<uint64_t>(static_cast<unsigned __int128>(a.bits()) * b.bits() >> 64));
}
HEBB_INLINE bool less_unsigned(Int64 a, Int64 b) { return a.bits() < b.bits(); }

// far() where `common` does not hold.
template <class T, class Far>
HEBB_INLINE T unless(bool common, T near, Far&& far) {
  return common ? near : far();
}

using Real = float;
using Whole = int32_t;
using Double = double;
using Long = Int64;
using Predicate = bool;

}  // namespace
}  // namespace hebb::kernels::cuda

// nvcc unrolls short loops unasked, and does not know how g++ is told to.
#if defined(__CUDACC__)
#pragma nv_diag_suppress 1675
#endif
#include "kernels/elementary.h"
// Behind it.
#include "kernels/elementary64.h"
// Behind that.
#include "kernels/power64.h"
#include "kernels/trigonometry64.h"
#if defined(__CUDACC__)
#pragma nv_diag_default 1675
#endif

namespace hebb::kernels::cuda {
namespace {

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

}  // namespace
}  // namespace hebb::kernels::cuda

#define HEBB_VOCABULARY
#include "kernels/functors.h"
