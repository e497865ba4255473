// V<T>: one vector register of T, for the instruction set that the including kernel file is compiled for.
//
// T is float, double, int32_t or int64_t; V<float> and V<int32_t> have equally many lanes. Arithmetic is
// written once on compiler vectors here; masks and everything with an instruction of its own is in
// simd_avx512.h and simd_lanes.h:
//   Mask<T> a < b, <=, >, >=, ==, !=; & | !;  select(mask, yes, no);  any(mask);  all(mask);
//   first_lanes<T>(n) fma(a, b, c) = a b + c;  fnma(a, b, c) = c - a b;  fma_at(p, b, c) = *p b + c in one
//   instruction where there is one;  sqrt, floor, ceil, round (half to even) fast_max(a, b) = a > b ? a : b,
//   so b where either is NaN; max(a, b) is NaN where either is. min alike. round_int, trunc_int: V<float> ->
//   V<int32_t>
// Loads need no alignment. Tails use load_partial and store_partial, so that an element gives the same bits
// wherever it lies. load_partial gives 0 in the lanes left out.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
// g++ 12 calls the deliberately undefined operands of its own AVX-512 intrinsics uninitialised.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#include "core/dtype.h"
#include "core/inline.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
struct RawOf {
  typedef T type __attribute__((vector_size(kVectorBytes)));
};

template <class T>
struct V {
  using Raw = typename RawOf<T>::type;
  static constexpr int kWidth = kVectorBytes / static_cast<int>(sizeof(T));

  Raw raw;

  V() = default;
  HEBB_INLINE explicit V(Raw value) : raw(value) {}
  HEBB_INLINE explicit V(T value) : raw(value - Raw{}) {}

  HEBB_INLINE static V set1(T value) { return V(value); }
  HEBB_INLINE static V zero() { return V(Raw{}); }
  // 0, 1, 2, ...
  HEBB_INLINE static V iota() {
    T lanes[kWidth];
    for (int i = 0; i < kWidth; ++i) lanes[i] = static_cast<T>(i);
    return load(lanes);
  }
  HEBB_INLINE static V load(const T* p) {
    Raw value;
    __builtin_memcpy(&value, p, sizeof value);
    return V(value);
  }
  HEBB_INLINE void store(T* p) const { __builtin_memcpy(p, &raw, sizeof raw); }
  // The first n of kWidth lanes, 0 <= n <= kWidth.
  HEBB_INLINE static V load_partial(const T* p, int64_t n);
  HEBB_INLINE void store_partial(T* p, int64_t n) const;

  HEBB_INLINE T operator[](int lane) const { return raw[lane]; }
};

template <class T>
HEBB_INLINE V<T> operator+(V<T> a, V<T> b) {
  return V<T>(a.raw + b.raw);
}
template <class T>
HEBB_INLINE V<T> operator-(V<T> a, V<T> b) {
  return V<T>(a.raw - b.raw);
}
template <class T>
HEBB_INLINE V<T> operator*(V<T> a, V<T> b) {
  return V<T>(a.raw * b.raw);
}
template <class T>
HEBB_INLINE V<T> operator/(V<T> a, V<T> b) {
  return V<T>(a.raw / b.raw);
}
template <class T>
HEBB_INLINE V<T> operator-(V<T> a) {
  return V<T>(-a.raw);
}

// Integers only.
template <class T>
HEBB_INLINE V<T> operator&(V<T> a, V<T> b) {
  return V<T>(a.raw & b.raw);
}
template <class T>
HEBB_INLINE V<T> operator|(V<T> a, V<T> b) {
  return V<T>(a.raw | b.raw);
}
template <class T>
HEBB_INLINE V<T> operator^(V<T> a, V<T> b) {
  return V<T>(a.raw ^ b.raw);
}
template <class T>
HEBB_INLINE V<T> operator<<(V<T> a, int count) {
  return V<T>(a.raw << count);
}
// Keeps the sign.
template <class T>
HEBB_INLINE V<T> operator>>(V<T> a, int count) {
  return V<T>(a.raw >> count);
}

template <class T>
struct IntOf;
template <>
struct IntOf<float> {
  using type = int32_t;
};
template <>
struct IntOf<double> {
  using type = int64_t;
};
template <>
struct IntOf<int32_t> {
  using type = int32_t;
};
template <>
struct IntOf<int64_t> {
  using type = int64_t;
};

// The same bits as integers of the same width, and back.
template <class T>
HEBB_INLINE V<typename IntOf<T>::type> to_bits(V<T> a) {
  using Int = V<typename IntOf<T>::type>;
  return Int(reinterpret_cast<typename Int::Raw>(a.raw));
}
template <class T>
HEBB_INLINE V<T> from_bits(V<typename IntOf<T>::type> a) {
  return V<T>(reinterpret_cast<typename V<T>::Raw>(a.raw));
}

HEBB_INLINE V<float> to_float(V<int32_t> a) {
  return V<float>(__builtin_convertvector(a.raw, V<float>::Raw));
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA

#if defined(__AVX512F__)
#include "kernels/cpu/simd_avx512.h"
#else
#include "kernels/cpu/simd_lanes.h"
#endif

namespace hebb::kernels::HEBB_ISA {
namespace {

template <class T>
HEBB_INLINE V<typename IntOf<T>::type> sign_bit() {
  using Int = typename IntOf<T>::type;
  return V<Int>(static_cast<Int>(Int{1} << (sizeof(Int) * 8 - 1)));
}
template <class T>
HEBB_INLINE V<T> abs(V<T> a) {
  return from_bits<T>(V<typename IntOf<T>::type>(to_bits(a).raw & ~sign_bit<T>().raw));
}
// The magnitude of a with the sign of b.
template <class T>
HEBB_INLINE V<T> copysign(V<T> a, V<T> b) {
  return from_bits<T>(to_bits(abs(a)) | (to_bits(b) & sign_bit<T>()));
}

template <class T>
HEBB_INLINE V<T> max(V<T> a, V<T> b) {
  return select(a != a, a, fast_max(a, b));
}
template <class T>
HEBB_INLINE V<T> min(V<T> a, V<T> b) {
  return select(a != a, a, fast_min(a, b));
}
HEBB_INLINE V<int32_t> max(V<int32_t> a, V<int32_t> b) { return select(a > b, a, b); }
HEBB_INLINE V<int32_t> min(V<int32_t> a, V<int32_t> b) { return select(a < b, a, b); }
HEBB_INLINE V<int64_t> max(V<int64_t> a, V<int64_t> b) { return select(a > b, a, b); }
HEBB_INLINE V<int64_t> min(V<int64_t> a, V<int64_t> b) { return select(a < b, a, b); }

// Lane i with lane i + half, the halves of that, and so on: one fixed order.
template <class T, class F>
HEBB_INLINE T fold(V<T> v, F combine) {
  T lanes[V<T>::kWidth];
  v.store(lanes);
  for (int step = V<T>::kWidth / 2; step > 0; step /= 2) {
    for (int i = 0; i < step; ++i) lanes[i] = combine(lanes[i], lanes[i + step]);
  }
  return lanes[0];
}
template <class T>
HEBB_INLINE T reduce_add(V<T> v) {
  return fold(v, [](T a, T b) { return static_cast<T>(a + b); });
}
// NaN where any lane is.
template <class T>
HEBB_INLINE T reduce_max(V<T> v) {
  return fold(v, [](T a, T b) { return a != a || a > b ? a : b; });
}
template <class T>
HEBB_INLINE T reduce_min(V<T> v) {
  return fold(v, [](T a, T b) { return a != a || a < b ? a : b; });
}

HEBB_INLINE V<float> load(const float* p) { return V<float>::load(p); }
HEBB_INLINE V<double> load(const double* p) { return V<double>::load(p); }
HEBB_INLINE void store(V<float> v, float* p) { v.store(p); }
HEBB_INLINE void store(V<double> v, double* p) { v.store(p); }
HEBB_INLINE V<float> load(const BF16* p) {
  typedef uint16_t Half __attribute__((vector_size(kVectorBytes / 2)));
  Half bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return from_bits<float>(V<int32_t>(__builtin_convertvector(bits, V<int32_t>::Raw)) << 16);
}
HEBB_INLINE void store(V<float> v, BF16* p) {
  typedef uint16_t Half __attribute__((vector_size(kVectorBytes / 2)));
  typedef uint32_t Word __attribute__((vector_size(kVectorBytes)));
  const V<int32_t> bits = to_bits(v);
  const V<int32_t> rounded = bits + V<int32_t>(0x7fff) + ((bits >> 16) & V<int32_t>(1));
  // Rounding up a NaN could carry into the sign; quieting it instead keeps it one.
  const V<int32_t> quiet = bits | V<int32_t>(0x400000);
  const V<float> result = select(v != v, from_bits<float>(quiet), from_bits<float>(rounded));
  const Half half = __builtin_convertvector(reinterpret_cast<Word>(result.raw) >> 16, Half);
  __builtin_memcpy(p, &half, sizeof half);
}

// Elements of type E as lanes of their compute type (float for the half types), and back; tails as above.
template <class T>
HEBB_INLINE V<T> load_partial(const T* p, int64_t n) {
  return V<T>::load_partial(p, n);
}
template <class T>
HEBB_INLINE void store_partial(V<T> v, T* p, int64_t n) {
  v.store_partial(p, n);
}
template <class H>
HEBB_INLINE V<float> load_half_partial(const H* p, int64_t n) {
  H lanes[V<float>::kWidth] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i] = p[i];
  return load(lanes);
}
template <class H>
HEBB_INLINE void store_half_partial(V<float> v, H* p, int64_t n) {
  H lanes[V<float>::kWidth];
  store(v, lanes);
  for (int64_t i = 0; i < n; ++i) p[i] = lanes[i];
}
HEBB_INLINE V<float> load_partial(const F16* p, int64_t n) { return load_half_partial(p, n); }
HEBB_INLINE V<float> load_partial(const BF16* p, int64_t n) { return load_half_partial(p, n); }
HEBB_INLINE void store_partial(V<float> v, F16* p, int64_t n) { store_half_partial(v, p, n); }
HEBB_INLINE void store_partial(V<float> v, BF16* p, int64_t n) { store_half_partial(v, p, n); }

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
