// Instantiates the conversions between all pairs of dtypes.
#include "kernels/cpu/convert.h"

#include "kernels/cpu/simd.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

struct Bool {
  uint8_t value;
};

template <class A, class B>
constexpr bool kSame = false;
template <class A>
constexpr bool kSame<A, A> = true;
template <class T>
constexpr bool kHalf = kSame<T, F16> || kSame<T, BF16>;
template <class T>
constexpr bool kReal = kSame<T, float> || kSame<T, double>;

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
  if constexpr (kSame<To, From>) {
    return value;
  } else if constexpr (kHalf<From>) {
    return convert<To>(to_float(value));
  } else if constexpr (kSame<From, Bool>) {
    return convert<To>(value.value);
  } else if constexpr (kSame<To, Bool>) {
    return {static_cast<uint8_t>(value != 0)};
  } else if constexpr (kHalf<To> && !kSame<From, float>) {
    return convert<To>(narrow_to_odd(static_cast<double>(value)));
  } else if constexpr (kSame<To, F16>) {
    return to_f16(value);
  } else if constexpr (kSame<To, BF16>) {
    return to_bf16(value);
  } else if constexpr (kReal<From> && kSame<To, int32_t>) {
    return truncate<To, From>(value, From(-2147483648.0), From(2147483648.0), INT32_MIN, INT32_MAX);
  } else if constexpr (kReal<From> && kSame<To, int64_t>) {
    return truncate<To, From>(value, From(-9223372036854775808.0), From(9223372036854775808.0), INT64_MIN,
                              INT64_MAX);
  } else if constexpr (kReal<From> && kSame<To, uint8_t>) {
    return truncate<To, From>(value, From(0.0), From(256.0), 0, 255);
  } else {
    return static_cast<To>(value);
  }
}

// Rows between f32 and a half type go through vectors: the scalar forms would decide the speed of mixed
// precision.
template <class To, class From>
HEBB_INLINE void convert_halves(To* to, const From* from, int64_t count) {
  int64_t i = 0;
  for (; i + V<float>::kWidth <= count; i += V<float>::kWidth) store(load(from + i), to + i);
  if (i < count) store_partial(load_partial(from + i, count - i), to + i, count - i);
}

template <class To, class From>
void row(void* to_data, int64_t to_stride, const void* from_data, int64_t from_stride, int64_t count) {
  To* to = static_cast<To*>(to_data);
  const From* from = static_cast<const From*>(from_data);
  if (to_stride == 1 && from_stride == 0) {
    if (count == 0) return;
    const To value = convert<To>(*from);
    for (int64_t i = 0; i < count; ++i) to[i] = value;
  } else if (to_stride != 1 || from_stride != 1) {
    for (int64_t i = 0; i < count; ++i) to[i * to_stride] = convert<To>(from[i * from_stride]);
  } else if constexpr (kSame<To, From>) {
    __builtin_memcpy(to, from, static_cast<size_t>(count) * sizeof(To));
  } else if constexpr ((kHalf<To> && kSame<From, float>) || (kHalf<From> && kSame<To, float>)) {
    convert_halves(to, from, count);
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = convert<To>(from[i]);
  }
}

template <class To>
ConvertRow row_to(DType from) {
  switch (from) {
    case DType::kF32:
      return &row<To, float>;
    case DType::kF64:
      return &row<To, double>;
    case DType::kF16:
      return &row<To, F16>;
    case DType::kBF16:
      return &row<To, BF16>;
    case DType::kI32:
      return &row<To, int32_t>;
    case DType::kI64:
      return &row<To, int64_t>;
    case DType::kU8:
      return &row<To, uint8_t>;
    default:
      return &row<To, Bool>;
  }
}

}  // namespace

ConvertRow convert_row(DType to, DType from) {
  switch (to) {
    case DType::kF32:
      return row_to<float>(from);
    case DType::kF64:
      return row_to<double>(from);
    case DType::kF16:
      return row_to<F16>(from);
    case DType::kBF16:
      return row_to<BF16>(from);
    case DType::kI32:
      return row_to<int32_t>(from);
    case DType::kI64:
      return row_to<int64_t>(from);
    case DType::kU8:
      return row_to<uint8_t>(from);
    default:
      return row_to<Bool>(from);
  }
}

}  // namespace hebb::kernels::HEBB_ISA
