// From random words to numbers: formulas without branches. No FMA and no library function takes part, so the
// values are the same bits on every device.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/dtype.h"
#include "core/inline.h"
#include "kernels/root.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// 53 bits of two words, in [0, 1).
HEBB_INLINE double uniform_double(uint32_t high, uint32_t low) {
  const uint64_t bits = (static_cast<uint64_t>(high) << 21) | (low >> 11);
  return static_cast<double>(static_cast<int64_t>(bits)) * 0x1p-53;
}

// The greatest number of the output's type below `high`: rounding low + u (high - low) may reach `high`
// itself.
inline double below(double high, double low, DType dtype) {
  if (!(low < high)) return low;
  if (dtype == DType::kF64) {
    if (high == 0) return -0x1p-1022;
    int64_t bits;
    std::memcpy(&bits, &high, sizeof bits);
    bits += high > 0 ? -1 : 1;
    std::memcpy(&high, &bits, sizeof bits);
    return high > low ? high : low;
  }
  // Half types have fewer bits: their last place is a greater step in the bits of an f32.
  float bound = static_cast<float>(high);
  if (dtype == DType::kF16) bound = to_float(to_f16(bound));
  if (dtype == DType::kBF16) bound = to_float(to_bf16(bound));
  const int32_t step = dtype == DType::kF16 ? 1 << 13 : dtype == DType::kBF16 ? 1 << 16 : 1;
  const float lowest = dtype == DType::kF16 ? 0x1p-24f : 0x1p-126f;
  const float magnitude = bound < 0 ? -bound : bound;
  if (bound == 0) {
    bound = -lowest;
  } else if (dtype == DType::kF16 && magnitude <= 0x1p-14f) {
    bound -= lowest;
  } else {
    bound = bits_float(float_bits(bound) + static_cast<uint32_t>(bound > 0 ? -step : step));
  }
  return bound > static_cast<float>(low) ? bound : static_cast<float>(low);
}

// ln of x in (0, 1]: x = 2^e m with m in [sqrt(1/2), sqrt(2)), ln m = 2 artanh((m - 1) / (m + 1)) as a
// series.
HEBB_INLINE float log_unit(float x) {
  // Subtracting the bits of sqrt(1/2) puts the exponent of that interval's power of two into the high bits.
  const int32_t shifted = static_cast<int32_t>(float_bits(x)) - 0x3f3504f3;
  const int32_t e = shifted >> 23;
  const float m = bits_float(static_cast<uint32_t>((shifted & 0x007fffff) + 0x3f3504f3));
  const float s = (m - 1.0f) / (m + 1.0f), t = s * s;
  const float series = 2.0f + t * (2.0f / 3 + t * (2.0f / 5 + t * (2.0f / 7 + t * (2.0f / 9))));
  return static_cast<float>(e) * 0.693147180559945309f + s * series;
}

HEBB_INLINE double log_unit(double x) {
  int64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const int64_t shifted = bits - 0x3fe6a09e667f3bcd;
  // The exponent fits 32 bits, whose conversion every instruction set has.
  const int32_t e = static_cast<int32_t>(shifted >> 52);
  const int64_t mantissa = (shifted & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd;
  double m;
  std::memcpy(&m, &mantissa, sizeof m);
  const double s = (m - 1.0) / (m + 1.0), t = s * s;
  double series = 2.0 / 23;
  series = 2.0 / 21 + t * series;
  series = 2.0 / 19 + t * series;
  series = 2.0 / 17 + t * series;
  series = 2.0 / 15 + t * series;
  series = 2.0 / 13 + t * series;
  series = 2.0 / 11 + t * series;
  series = 2.0 / 9 + t * series;
  series = 2.0 / 7 + t * series;
  series = 2.0 / 5 + t * series;
  series = 2.0 / 3 + t * series;
  series = 2.0 + t * series;
  return static_cast<double>(e) * 0.693147180559945309 + s * series;
}

template <class T>
struct Angle {
  T cos, sin;
};

// Taylor series on [-pi/4, pi/4], long enough for the last bit of T.
HEBB_INLINE Angle<float> octant(float a) {
  const float t = a * a;
  const float sin =
      a * (1.0f + t * (-1.0f / 6 + t * (1.0f / 120 + t * (-1.0f / 5040 + t * (1.0f / 362880)))));
  const float cos = 1.0f + t * (-0.5f + t * (1.0f / 24 + t * (-1.0f / 720 + t * (1.0f / 40320))));
  return {cos, sin};
}

HEBB_INLINE Angle<double> octant(double a) {
  const double t = a * a;
  double sin = 1.0 / 355687428096000;
  sin = -1.0 / 1307674368000 + t * sin;
  sin = 1.0 / 6227020800 + t * sin;
  sin = -1.0 / 39916800 + t * sin;
  sin = 1.0 / 362880 + t * sin;
  sin = -1.0 / 5040 + t * sin;
  sin = 1.0 / 120 + t * sin;
  sin = -1.0 / 6 + t * sin;
  double cos = 1.0 / 20922789888000;
  cos = -1.0 / 87178291200 + t * cos;
  cos = 1.0 / 479001600 + t * cos;
  cos = -1.0 / 3628800 + t * cos;
  cos = 1.0 / 40320 + t * cos;
  cos = -1.0 / 720 + t * cos;
  cos = 1.0 / 24 + t * cos;
  cos = -0.5 + t * cos;
  return {1.0 + t * cos, a + a * t * sin};
}

// cos and sin of 2 pi u, u in [0, 1): the nearest quarter turn, and the rest of at most an eighth.
template <class T>
HEBB_INLINE Angle<T> turn(T u) {
  const T quarters = u * T(4);
  const int32_t q = static_cast<int32_t>(quarters + T(0.5));
  const Angle<T> rest = octant((quarters - static_cast<T>(q)) * T(1.57079632679489661923));
  const T cos = q & 1 ? rest.sin : rest.cos;
  const T sin = q & 1 ? rest.cos : rest.sin;
  return {(q + 1) & 2 ? -cos : cos, q & 2 ? -sin : sin};
}

template <class T>
struct Pair {
  T first, second;
};

// r cos and r sin of an angle 2 pi u2, r = sqrt(-2 ln u1), u1 in (0, 1], around `mean`.
template <class T>
HEBB_INLINE Pair<T> box_muller(T u1, T u2, T mean, T std) {
  const T r = root(T(-2) * log_unit(u1));
  const Angle<T> angle = turn(u2);
  return {mean + std * (r * angle.cos), mean + std * (r * angle.sin)};
}

// 31 bits near zero, where a float has them: the tail reaches 6.7 standard deviations.
HEBB_INLINE float radius_float(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word >> 1)) * 0x1p-31f + 0x1p-32f;
}
HEBB_INLINE float turn_float(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word >> 8)) * 0x1p-24f;
}

// As many bits of a word as the output type holds: the others would only round up to `high`.
struct UniformBits {
  int shift;
  float scale;
};
HEBB_INLINE UniformBits uniform_bits(DType dtype) {
  if (dtype == DType::kF16) return {21, 0x1p-11f};
  if (dtype == DType::kBF16) return {24, 0x1p-8f};
  return {8, 0x1p-24f};
}

// The upper part of range times a fraction of 64 bits: no value is off by more than 2^-32 of its share.
HEBB_INLINE int32_t integer_of(uint32_t high, uint32_t low, int64_t least, uint64_t range) {
  const uint64_t carry = (low * range) >> 32;
  return static_cast<int32_t>(least + static_cast<int64_t>((high * range + carry) >> 32));
}

// A word's uniform of 24 bits is below p exactly when its upper 24 bits are below this.
HEBB_INLINE int32_t threshold(double p) {
  const double scaled = p * 0x1p24;
  const int32_t floor = static_cast<int32_t>(scaled);
  return floor + (static_cast<double>(floor) < scaled);
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
