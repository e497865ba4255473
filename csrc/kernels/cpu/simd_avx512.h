// The AVX-512 side of simd.h: masks live in mask registers. Included by simd.h alone.
#pragma once

namespace hebb::kernels::HEBB_ISA {
namespace {

template <class T>
struct Mask {
  static constexpr int kWidth = V<T>::kWidth;
  uint32_t bits;  // one per lane
};

template <class T>
HEBB_INLINE uint32_t all_lanes() {
  return (1u << V<T>::kWidth) - 1u;
}
template <class T>
HEBB_INLINE Mask<T> first_lanes(int64_t n) {
  return {(1u << static_cast<uint32_t>(n)) - 1u};
}
template <class T>
HEBB_INLINE Mask<T> operator&(Mask<T> a, Mask<T> b) {
  return {a.bits & b.bits};
}
template <class T>
HEBB_INLINE Mask<T> operator|(Mask<T> a, Mask<T> b) {
  return {a.bits | b.bits};
}
template <class T>
HEBB_INLINE Mask<T> operator!(Mask<T> a) {
  return {~a.bits & all_lanes<T>()};
}
template <class T>
HEBB_INLINE bool any(Mask<T> a) {
  return a.bits != 0;
}
template <class T>
HEBB_INLINE bool all(Mask<T> a) {
  return a.bits == all_lanes<T>();
}

#define HEBB_COMPARE(T, suffix, reg, eq, ne, lt, le)                 \
  HEBB_INLINE Mask<T> operator==(V<T> a, V<T> b) {                   \
    return {_mm512_cmp_##suffix##_mask((reg)a.raw, (reg)b.raw, eq)}; \
  }                                                                  \
  HEBB_INLINE Mask<T> operator!=(V<T> a, V<T> b) {                   \
    return {_mm512_cmp_##suffix##_mask((reg)a.raw, (reg)b.raw, ne)}; \
  }                                                                  \
  HEBB_INLINE Mask<T> operator<(V<T> a, V<T> b) {                    \
    return {_mm512_cmp_##suffix##_mask((reg)a.raw, (reg)b.raw, lt)}; \
  }                                                                  \
  HEBB_INLINE Mask<T> operator<=(V<T> a, V<T> b) {                   \
    return {_mm512_cmp_##suffix##_mask((reg)a.raw, (reg)b.raw, le)}; \
  }                                                                  \
  HEBB_INLINE Mask<T> operator>(V<T> a, V<T> b) { return b < a; }    \
  HEBB_INLINE Mask<T> operator>=(V<T> a, V<T> b) { return b <= a; }
HEBB_COMPARE(float, ps, __m512, _CMP_EQ_OQ, _CMP_NEQ_UQ, _CMP_LT_OQ, _CMP_LE_OQ)
HEBB_COMPARE(double, pd, __m512d, _CMP_EQ_OQ, _CMP_NEQ_UQ, _CMP_LT_OQ, _CMP_LE_OQ)
HEBB_COMPARE(int32_t, epi32, __m512i, _MM_CMPINT_EQ, _MM_CMPINT_NE, _MM_CMPINT_LT, _MM_CMPINT_LE)
HEBB_COMPARE(int64_t, epi64, __m512i, _MM_CMPINT_EQ, _MM_CMPINT_NE, _MM_CMPINT_LT, _MM_CMPINT_LE)
#undef HEBB_COMPARE

#define HEBB_MOVES(T, suffix, reg, mask)                                                              \
  HEBB_INLINE V<T> select(Mask<T> m, V<T> yes, V<T> no) {                                             \
    return V<T>(                                                                                      \
        (V<T>::Raw)_mm512_mask_blend_##suffix(static_cast<mask>(m.bits), (reg)no.raw, (reg)yes.raw)); \
  }                                                                                                   \
  template <>                                                                                         \
  HEBB_INLINE V<T> V<T>::load_partial(const T* p, int64_t n) {                                        \
    return V<T>((Raw)_mm512_maskz_loadu_##suffix(static_cast<mask>(first_lanes<T>(n).bits), p));      \
  }                                                                                                   \
  template <>                                                                                         \
  HEBB_INLINE void V<T>::store_partial(T* p, int64_t n) const {                                       \
    _mm512_mask_storeu_##suffix(p, static_cast<mask>(first_lanes<T>(n).bits), (reg)raw);              \
  }
HEBB_MOVES(float, ps, __m512, __mmask16)
HEBB_MOVES(double, pd, __m512d, __mmask8)
HEBB_MOVES(int32_t, epi32, __m512i, __mmask16)
HEBB_MOVES(int64_t, epi64, __m512i, __mmask8)
#undef HEBB_MOVES

#define HEBB_FLOATS(T, suffix)                                                                              \
  HEBB_INLINE V<T> fma(V<T> a, V<T> b, V<T> c) { return V<T>(_mm512_fmadd_##suffix(a.raw, b.raw, c.raw)); } \
  HEBB_INLINE V<T> fnma(V<T> a, V<T> b, V<T> c) {                                                           \
    return V<T>(_mm512_fnmadd_##suffix(a.raw, b.raw, c.raw));                                               \
  }                                                                                                         \
  HEBB_INLINE V<T> sqrt(V<T> a) { return V<T>(_mm512_sqrt_##suffix(a.raw)); }                               \
  HEBB_INLINE V<T> floor(V<T> a) {                                                                          \
    return V<T>(_mm512_roundscale_##suffix(a.raw, _MM_FROUND_TO_NEG_INF | 8));                              \
  }                                                                                                         \
  HEBB_INLINE V<T> ceil(V<T> a) {                                                                           \
    return V<T>(_mm512_roundscale_##suffix(a.raw, _MM_FROUND_TO_POS_INF | 8));                              \
  }                                                                                                         \
  HEBB_INLINE V<T> round(V<T> a) {                                                                          \
    return V<T>(_mm512_roundscale_##suffix(a.raw, _MM_FROUND_TO_NEAREST_INT | 8));                          \
  }                                                                                                         \
  HEBB_INLINE V<T> fast_max(V<T> a, V<T> b) { return V<T>(_mm512_max_##suffix(a.raw, b.raw)); }             \
  HEBB_INLINE V<T> fast_min(V<T> a, V<T> b) { return V<T>(_mm512_min_##suffix(a.raw, b.raw)); }
HEBB_FLOATS(float, ps)
HEBB_FLOATS(double, pd)
#undef HEBB_FLOATS

// Compilers load what two instructions read once, which is one more to decode.
HEBB_INLINE V<float> fma_at(const float* factor, V<float> x, V<float> sum) {
  __asm__("vfmadd231ps %1%{1to16%}, %2, %0" : "+v"(sum.raw) : "m"(*factor), "v"(x.raw));
  return sum;
}
HEBB_INLINE V<double> fma_at(const double* factor, V<double> x, V<double> sum) {
  __asm__("vfmadd231pd %1%{1to8%}, %2, %0" : "+v"(sum.raw) : "m"(*factor), "v"(x.raw));
  return sum;
}

HEBB_INLINE V<int32_t> round_int(V<float> a) {
  return V<int32_t>(reinterpret_cast<V<int32_t>::Raw>(_mm512_cvtps_epi32(a.raw)));
}
HEBB_INLINE V<int32_t> trunc_int(V<float> a) {
  return V<int32_t>(reinterpret_cast<V<int32_t>::Raw>(_mm512_cvttps_epi32(a.raw)));
}

HEBB_INLINE V<float> load(const F16* p) {
  return V<float>(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
}
HEBB_INLINE void store(V<float> v, F16* p) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v.raw, _MM_FROUND_TO_NEAREST_INT | 8));
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
