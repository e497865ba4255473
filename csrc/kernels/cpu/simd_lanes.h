// The AVX2, SSE4.2 and NEON side of simd.h: a mask is a vector whose lanes are all ones or zero. Included by
// simd.h alone.
#pragma once

namespace hebb::kernels::HEBB_ISA {
namespace {

template <class T>
struct Mask {
  static constexpr int kWidth = V<T>::kWidth;
  using Raw = typename V<typename IntOf<T>::type>::Raw;
  Raw lanes;
};

template <class T>
HEBB_INLINE Mask<T> operator&(Mask<T> a, Mask<T> b) {
  return {a.lanes & b.lanes};
}
template <class T>
HEBB_INLINE Mask<T> operator|(Mask<T> a, Mask<T> b) {
  return {a.lanes | b.lanes};
}
template <class T>
HEBB_INLINE Mask<T> operator!(Mask<T> a) {
  return {~a.lanes};
}

#define HEBB_COMPARE(op)                                              \
  template <class T>                                                  \
  HEBB_INLINE Mask<T> operator op(V<T> a, V<T> b) {                   \
    return {reinterpret_cast<typename Mask<T>::Raw>(a.raw op b.raw)}; \
  }
HEBB_COMPARE(==)
HEBB_COMPARE(!=)
HEBB_COMPARE(<)
HEBB_COMPARE(<=)
HEBB_COMPARE(>)
HEBB_COMPARE(>=)
#undef HEBB_COMPARE

template <class T>
HEBB_INLINE V<T> select(Mask<T> m, V<T> yes, V<T> no) {
  return V<T>(m.lanes ? yes.raw : no.raw);
}
template <class T>
HEBB_INLINE bool any(Mask<T> a) {
  typedef int64_t Words __attribute__((vector_size(kVectorBytes)));
  const Words words = reinterpret_cast<Words>(a.lanes);
  int64_t joined = 0;
#pragma GCC unroll 4
  for (int i = 0; i < kVectorBytes / 8; ++i) joined |= words[i];
  return joined != 0;
}
template <class T>
HEBB_INLINE bool all(Mask<T> a) {
  return !any(!a);
}
template <class T>
HEBB_INLINE Mask<T> first_lanes(int64_t n) {
  using Int = typename IntOf<T>::type;
  return {V<Int>::iota().raw < V<Int>(static_cast<Int>(n)).raw};
}

#if defined(__AVX2__)
#define HEBB_MOVES(T, suffix, pointer, reg)                                                           \
  template <>                                                                                         \
  HEBB_INLINE V<T> V<T>::load_partial(const T* p, int64_t n) {                                        \
    const __m256i lanes = reinterpret_cast<__m256i>(first_lanes<T>(n).lanes);                         \
    return V<T>(                                                                                      \
        reinterpret_cast<Raw>(_mm256_maskload_##suffix(reinterpret_cast<const pointer*>(p), lanes))); \
  }                                                                                                   \
  template <>                                                                                         \
  HEBB_INLINE void V<T>::store_partial(T* p, int64_t n) const {                                       \
    const __m256i lanes = reinterpret_cast<__m256i>(first_lanes<T>(n).lanes);                         \
    _mm256_maskstore_##suffix(reinterpret_cast<pointer*>(p), lanes, reinterpret_cast<reg>(raw));      \
  }
HEBB_MOVES(float, ps, float, __m256)
HEBB_MOVES(double, pd, double, __m256d)
HEBB_MOVES(int32_t, epi32, int, __m256i)
HEBB_MOVES(int64_t, epi64, long long, __m256i)
#undef HEBB_MOVES
#else
template <class T>
HEBB_INLINE V<T> V<T>::load_partial(const T* p, int64_t n) {
  T lanes[kWidth] = {};
  for (int i = 0; i < kWidth; ++i) {
    if (i < n) lanes[i] = p[i];
  }
  return load(lanes);
}
template <class T>
HEBB_INLINE void V<T>::store_partial(T* p, int64_t n) const {
  for (int i = 0; i < kWidth; ++i) {
    if (i < n) p[i] = raw[i];
  }
}
#endif

#if defined(__AVX2__)
#define HEBB_FLOATS(T, suffix, letter)                                                                      \
  HEBB_INLINE V<T> fma(V<T> a, V<T> b, V<T> c) { return V<T>(_mm256_fmadd_##suffix(a.raw, b.raw, c.raw)); } \
  HEBB_INLINE V<T> fnma(V<T> a, V<T> b, V<T> c) {                                                           \
    return V<T>(_mm256_fnmadd_##suffix(a.raw, b.raw, c.raw));                                               \
  }                                                                                                         \
  HEBB_INLINE V<T> sqrt(V<T> a) { return V<T>(_mm256_sqrt_##suffix(a.raw)); }                               \
  HEBB_INLINE V<T> floor(V<T> a) { return V<T>(_mm256_floor_##suffix(a.raw)); }                             \
  HEBB_INLINE V<T> ceil(V<T> a) { return V<T>(_mm256_ceil_##suffix(a.raw)); }                               \
  HEBB_INLINE V<T> round(V<T> a) {                                                                          \
    return V<T>(_mm256_round_##suffix(a.raw, _MM_FROUND_TO_NEAREST_INT | 8));                               \
  }                                                                                                         \
  HEBB_INLINE V<T> fast_max(V<T> a, V<T> b) { return V<T>(_mm256_max_##suffix(a.raw, b.raw)); }             \
  HEBB_INLINE V<T> fast_min(V<T> a, V<T> b) { return V<T>(_mm256_min_##suffix(a.raw, b.raw)); }
#elif defined(__SSE4_1__)
// No fused instruction: the product is rounded.
#define HEBB_FLOATS(T, suffix, letter)                                                                      \
  HEBB_INLINE V<T> fma(V<T> a, V<T> b, V<T> c) { return V<T>(a.raw * b.raw + c.raw); }                      \
  HEBB_INLINE V<T> fnma(V<T> a, V<T> b, V<T> c) { return V<T>(c.raw - a.raw * b.raw); }                     \
  HEBB_INLINE V<T> sqrt(V<T> a) { return V<T>(_mm_sqrt_##suffix(a.raw)); }                                  \
  HEBB_INLINE V<T> floor(V<T> a) { return V<T>(_mm_floor_##suffix(a.raw)); }                                \
  HEBB_INLINE V<T> ceil(V<T> a) { return V<T>(_mm_ceil_##suffix(a.raw)); }                                  \
  HEBB_INLINE V<T> round(V<T> a) { return V<T>(_mm_round_##suffix(a.raw, _MM_FROUND_TO_NEAREST_INT | 8)); } \
  HEBB_INLINE V<T> fast_max(V<T> a, V<T> b) { return V<T>(_mm_max_##suffix(a.raw, b.raw)); }                \
  HEBB_INLINE V<T> fast_min(V<T> a, V<T> b) { return V<T>(_mm_min_##suffix(a.raw, b.raw)); }
#else
template <class T, class F>
HEBB_INLINE V<T> each_lane(V<T> a, F formula) {
  for (int i = 0; i < V<T>::kWidth; ++i) a.raw[i] = formula(a.raw[i]);
  return a;
}
#define HEBB_FLOATS(T, suffix, letter)                                                                     \
  HEBB_INLINE V<T> fma(V<T> a, V<T> b, V<T> c) {                                                           \
    for (int i = 0; i < V<T>::kWidth; ++i) c.raw[i] = __builtin_fma##letter(a.raw[i], b.raw[i], c.raw[i]); \
    return c;                                                                                              \
  }                                                                                                        \
  HEBB_INLINE V<T> fnma(V<T> a, V<T> b, V<T> c) { return fma(V<T>(-a.raw), b, c); }                        \
  HEBB_INLINE V<T> sqrt(V<T> a) {                                                                          \
    return each_lane(a, [](T x) { return __builtin_sqrt##letter(x); });                                    \
  }                                                                                                        \
  HEBB_INLINE V<T> floor(V<T> a) {                                                                         \
    return each_lane(a, [](T x) { return __builtin_floor##letter(x); });                                   \
  }                                                                                                        \
  HEBB_INLINE V<T> ceil(V<T> a) {                                                                          \
    return each_lane(a, [](T x) { return __builtin_ceil##letter(x); });                                    \
  }                                                                                                        \
  HEBB_INLINE V<T> round(V<T> a) {                                                                         \
    return each_lane(a, [](T x) { return __builtin_rint##letter(x); });                                    \
  }                                                                                                        \
  HEBB_INLINE V<T> fast_max(V<T> a, V<T> b) { return select(a > b, a, b); }                                \
  HEBB_INLINE V<T> fast_min(V<T> a, V<T> b) { return select(a < b, a, b); }
#endif
HEBB_FLOATS(float, ps, f)
HEBB_FLOATS(double, pd, )
#undef HEBB_FLOATS

template <class T>
HEBB_INLINE V<T> fma_at(const T* factor, V<T> x, V<T> sum) {
  return fma(V<T>::set1(*factor), x, sum);
}

HEBB_INLINE V<int32_t> trunc_int(V<float> a) {
  return V<int32_t>(__builtin_convertvector(a.raw, V<int32_t>::Raw));
}
HEBB_INLINE V<int32_t> round_int(V<float> a) { return trunc_int(round(a)); }

#if defined(__AVX2__)
HEBB_INLINE V<float> load(const F16* p) {
  return V<float>(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
HEBB_INLINE void store(V<float> v, F16* p) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(v.raw, _MM_FROUND_TO_NEAREST_INT | 8));
}
#else
HEBB_INLINE V<float> load(const F16* p) {
  float lanes[V<float>::kWidth];
  for (int i = 0; i < V<float>::kWidth; ++i) lanes[i] = to_float(p[i]);
  return V<float>::load(lanes);
}
HEBB_INLINE void store(V<float> v, F16* p) {
  for (int i = 0; i < V<float>::kWidth; ++i) p[i] = to_f16(v.raw[i]);
}
#endif

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
