// Instantiates the conversions between all pairs of dtypes.
#include "kernels/cpu/convert.h"

#include "kernels/convert.h"
#include "kernels/cpu/simd.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

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
  } else if constexpr (kIsSame<To, From>) {
    __builtin_memcpy(to, from, static_cast<size_t>(count) * sizeof(To));
  } else if constexpr ((kHalf<To> && kIsSame<From, float>) || (kHalf<From> && kIsSame<To, float>)) {
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
