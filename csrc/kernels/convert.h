// One element from any dtype to any other: the same on every device. Floats become integers by truncation,
// saturating, NaN as 0; integers wrap; whatever is not 0 is true; halves are rounded once.
#pragma once

#include <cstdint>

#include "kernels/scalar.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

struct Bool {
  uint8_t value;
};

template <class T>
constexpr bool kHalf = kIsSame<T, F16> || kIsSame<T, BF16>;
template <class T>
constexpr bool kReal = kIsSame<T, float> || kIsSame<T, double>;

// Rounded to odd: enough bits remain that rounding this to a half type rounds the double once.
HEBB_INLINE float narrow_to_odd(double value) {
  const float nearest = static_cast<float>(value);
  const double back = nearest;
  if (back == value || value != value || nearest - nearest != 0) return nearest;
  const double size = value < 0 ? -value : value;
  const double back_size = back < 0 ? -back : back;
  return bits_float((float_bits(nearest) - (back_size > size ? 1u : 0u)) | 1u);
}

// The integers from `least` to `most` hold what is in [low, high).
template <class I, class F>
HEBB_INLINE I truncate(F value, F low, F high, I least, I most) {
  // The bound keeps the cast defined where its result is not used.
  const I whole = static_cast<I>(value >= low && value < high ? value : F{0});
  return value >= high ? most : value < low ? least : whole;
}

template <class To, class From>
HEBB_INLINE To convert(From value) {
  if constexpr (kIsSame<To, From>) {
    return value;
  } else if constexpr (kHalf<From>) {
    return convert<To>(to_float(value));
  } else if constexpr (kIsSame<From, Bool>) {
    return convert<To>(value.value);
  } else if constexpr (kIsSame<To, Bool>) {
    return {static_cast<uint8_t>(value != 0)};
  } else if constexpr (kHalf<To> && !kIsSame<From, float>) {
    return convert<To>(narrow_to_odd(static_cast<double>(value)));
  } else if constexpr (kIsSame<To, F16>) {
    return to_f16(value);
  } else if constexpr (kIsSame<To, BF16>) {
    return to_bf16(value);
  } else if constexpr (kReal<From> && kIsSame<To, int32_t>) {
    return truncate<To, From>(value, From(-2147483648.0), From(2147483648.0), INT32_MIN, INT32_MAX);
  } else if constexpr (kReal<From> && kIsSame<To, int64_t>) {
    return truncate<To, From>(value, From(-9223372036854775808.0), From(9223372036854775808.0), INT64_MIN,
                              INT64_MAX);
  } else if constexpr (kReal<From> && kIsSame<To, uint8_t>) {
    return truncate<To, From>(value, From(0.0), From(256.0), 0, 255);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
