// Element access by dtype for kernels: how each stored type is read, computed in and written, and the choice
// by dtype.
#pragma once

#include "core/dtype.h"
#include "core/inline.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

template <class T>
struct ComputeOf {
  using type = T;
};
template <>
struct ComputeOf<F16> {
  using type = float;
};
template <>
struct ComputeOf<BF16> {
  using type = float;
};
template <>
struct ComputeOf<uint8_t> {
  using type = int32_t;
};
// What an element of T is computed in: half types in f32, u8 and bool in i32, all others in themselves.
template <class T>
using Compute = typename ComputeOf<T>::type;

template <class C>
struct SumOf {
  using type = C;
};
template <>
struct SumOf<int32_t> {
  using type = uint32_t;
};
template <>
struct SumOf<int64_t> {
  using type = uint64_t;
};
// What sums of a compute type are held in: unsigned, so that an integer sum that overflows wraps.
template <class C>
using SumType = typename SumOf<C>::type;

template <class S>
struct WideOf {
  using type = S;
};
template <>
struct WideOf<float> {
  using type = double;
};
// What partial sums are joined in: f64 for floats, so that long sums of f32 stay as accurate as one chunk.
template <class S>
using WideType = typename WideOf<S>::type;

template <class A, class B>
constexpr bool kIsSame = false;
template <class A>
constexpr bool kIsSame<A, A> = true;
template <class T>
constexpr bool kIsStoredAsComputed = kIsSame<T, Compute<T>>;
template <class T>
constexpr bool kIsFloat = static_cast<T>(0.5) != static_cast<T>(0);

template <class T>
HEBB_INLINE T read(T value) {
  return value;
}
HEBB_INLINE int32_t read(uint8_t value) { return value; }
HEBB_INLINE float read(F16 value) { return to_float(value); }
HEBB_INLINE float read(BF16 value) { return to_float(value); }

template <class T>
struct Writer {
  template <class V>
  HEBB_INLINE static T of(V value) {
    return static_cast<T>(value);
  }
};
template <>
struct Writer<F16> {
  template <class V>
  HEBB_INLINE static F16 of(V value) {
    return to_f16(static_cast<float>(value));
  }
};
template <>
struct Writer<BF16> {
  template <class V>
  HEBB_INLINE static BF16 of(V value) {
    return to_bf16(static_cast<float>(value));
  }
};

// The value as an element of T is stored.
template <class T, class V>
HEBB_INLINE T write(V value) {
  return Writer<T>::of(value);
}

template <class T>
struct Type {
  using type = T;
};

// f(Type<T>) with the stored type of a float dtype.
template <class F>
HEBB_INLINE_HOST void with_float(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kF64:
      return f(Type<double>{});
    case DType::kF16:
      return f(Type<F16>{});
    case DType::kBF16:
      return f(Type<BF16>{});
    default:
      return f(Type<float>{});
  }
}

// The same for an integer dtype; bool is stored as u8.
template <class F>
HEBB_INLINE_HOST void with_integer(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kI64:
      return f(Type<int64_t>{});
    case DType::kI32:
      return f(Type<int32_t>{});
    default:
      return f(Type<uint8_t>{});
  }
}

// The same for indices.
template <class F>
HEBB_INLINE_HOST void with_index(DType dtype, F&& f) {
  if (dtype == DType::kI64) return f(Type<int64_t>{});
  f(Type<int32_t>{});
}

template <class F>
HEBB_INLINE_HOST void with_dtype(DType dtype, F&& f) {
  if (is_float(dtype)) return with_float(dtype, f);
  with_integer(dtype, f);
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
