// f32 values as sums of bf16 terms, in the order in which the tile unit reads them.
//
// x = t0 + t1 + .., each term the nearest bf16 to what the ones before left over: one has 8 bits of x, two
// 16, three all 24. What is not finite is in t0 alone; what is finite has a finite t0 where others follow.
#pragma once

#include "kernels/cpu/amx_unit.h"
#include "kernels/cpu/gemm_pack.h"
#include "kernels/gemm.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace amx {

HEBB_INLINE __m512i constant(uint32_t bits) { return _mm512_set1_epi32(static_cast<int>(bits)); }

// The nearest bf16, ties to even, in the upper halves; the lower ones are zero. With kBounded, finite values
// that would round to infinity become the largest bf16.
template <bool kBounded>
HEBB_INLINE __m512i round_to_bf16(__m512 x) {
  const __m512i bits = _mm512_castps_si512(x), upper = constant(0xffff0000u);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), constant(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, constant(0x7fffu)));
  __m512i result = _mm512_and_si512(rounded, upper);
  if constexpr (kBounded) {
    const __m512i magnitude = _mm512_and_si512(bits, constant(0x7fffffffu));
    const __mmask16 beyond = _mm512_cmp_epu32_mask(magnitude, constant(0x7f7f8000u), _MM_CMPINT_NLT) &
                             _mm512_cmp_epu32_mask(magnitude, constant(0x7f800000u), _MM_CMPINT_LT);
    result = _mm512_mask_and_epi32(result, beyond, bits, constant(0xff7f0000u));
    result = _mm512_mask_or_epi32(result, beyond, result, constant(0x7f7f0000u));
  }
  // The sum above may carry a NaN into infinity or past the sign.
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  const __m512i quiet = _mm512_and_si512(_mm512_or_si512(bits, constant(0x00400000u)), upper);
  return _mm512_mask_mov_epi32(result, nan, quiet);
}

// Those of a kernels::Precision. For f32 the unit is taken only where that is `asked` for, else there are
// none.
HEBB_INLINE int terms_of_precision(int64_t precision, bool asked) {
  return precision == kPrecisionBf16 ? 1 : precision == kPrecisionHigh ? 2 : asked ? 3 : 0;
}

// Sixteen values: their terms, each in the upper half of its lane.
template <int kTerms>
struct Terms {
  __m512i term[kTerms];
};

// Clears *finite where a value is not.
template <int kTerms>
HEBB_INLINE Terms<kTerms> split(__m512 x, bool* finite) {
  Terms<kTerms> terms;
  terms.term[0] = round_to_bf16<(kTerms > 1)>(x);
  const __m512i exponent = constant(0x7f800000u);
  const __mmask16 is_finite =
      _mm512_cmpneq_epi32_mask(_mm512_and_si512(_mm512_castps_si512(x), exponent), exponent);
  if (is_finite != 0xffff) *finite = false;
  __m512 rest = x;
  for (int i = 1; i < kTerms; ++i) {
    rest = _mm512_maskz_sub_ps(is_finite, rest, _mm512_castsi512_ps(terms.term[i - 1]));
    terms.term[i] = round_to_bf16<false>(rest);
  }
  return terms;
}

// Sixteen lines (rows of A or columns of B) of kDepth of k, as f32 somewhere: either k lies side by side in
// each line, or lines lie side by side for each k.
struct Source {
  const float* at[kDepth];  // where line i begins, or k; zeros stand for null
  bool across;
  int lines, depth;  // those that are there: zeros stand for the others
};

alignas(64) inline constexpr float kZeros[kDepth] = {};

HEBB_INLINE __mmask16 first(int count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffff : count <= 0 ? 0 : (1 << count) - 1);
}

// The upper halves of a, then those of b.
HEBB_INLINE __m512i upper_halves(__m512i a, __m512i b) {
  alignas(64) static constexpr uint16_t kIndex[32] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21,
                                                      23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43,
                                                      45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
  return _mm512_permutex2var_epi16(a, _mm512_load_si512(kIndex), b);
}

// rows[t][i]: line i of term t as 16 pairs of k.
template <int kTerms>
HEBB_INLINE void lines_along(const Source& s, __m512i (&rows)[kTerms][kSide], bool* finite) {
  const __mmask16 low = first(s.depth), high = first(s.depth - 16);
  for (int i = 0; i < kSide; ++i) {
    const float* from = i < s.lines && s.at[i] ? s.at[i] : kZeros;
    const Terms<kTerms> a = split<kTerms>(_mm512_maskz_loadu_ps(low, from), finite);
    const Terms<kTerms> b = split<kTerms>(_mm512_maskz_loadu_ps(high, from + 16), finite);
    for (int t = 0; t < kTerms; ++t) rows[t][i] = upper_halves(a.term[t], b.term[t]);
  }
}

// The terms of a row of `items` values, side by side: load(i) gives sixteen from the i-th on. False where one
// is not finite.
template <int kTerms, class F>
HEBB_INLINE bool split_row(int64_t items, uint16_t* to, int64_t term_step, F&& load) {
  bool finite = true;
  for (int64_t i = 0; i < items; i += kDepth) {
    const Terms<kTerms> a = split<kTerms>(load(i), &finite), b = split<kTerms>(load(i + 16), &finite);
    for (int t = 0; t < kTerms; ++t)
      _mm512_storeu_si512(to + t * term_step + i, upper_halves(a.term[t], b.term[t]));
  }
  return finite;
}

// The words of two neighbours in k: 16 lines of each.
HEBB_INLINE __m512i paired(__m512i even, __m512i odd) {
  return _mm512_or_si512(odd, _mm512_srli_epi32(even, 16));
}

// rows[t][p]: pair p of k of term t for the 16 lines.
template <int kTerms>
HEBB_INLINE void pairs_across(const Source& s, __m512i (&rows)[kTerms][kSide], bool* finite) {
  const __mmask16 there = first(s.lines);
  const auto load = [&](int k) {
    return split<kTerms>(_mm512_maskz_loadu_ps(there, k < s.depth && s.at[k] ? s.at[k] : kZeros), finite);
  };
  for (int p = 0; p < kSide; ++p) {
    const Terms<kTerms> even = load(2 * p), odd = load(2 * p + 1);
    for (int t = 0; t < kTerms; ++t) rows[t][p] = paired(even.term[t], odd.term[t]);
  }
}

HEBB_INLINE void turn(__m512i (&rows)[kSide]) {
  V<float>::Raw lanes[kSide];
  for (int i = 0; i < kSide; ++i) lanes[i] = (V<float>::Raw)rows[i];
  tile::transpose<float, kSide>(lanes);
  for (int i = 0; i < kSide; ++i) rows[i] = (__m512i)lanes[i];
}

enum class Order { kLines, kPairs };  // a tile's rows: lines, as A has them, or pairs of k, as B has them

// The tiles of a source: term t at out + t * term_step. False where a value is not finite.
template <int kTerms, Order kOrder>
bool pack_tile(const Source& s, uint16_t* out, int64_t term_step) {
  bool finite = true;
  __m512i rows[kTerms][kSide];
  if (s.across) {
    pairs_across<kTerms>(s, rows, &finite);
  } else {
    lines_along<kTerms>(s, rows, &finite);
  }
  const bool turned = (kOrder == Order::kPairs) != s.across;
  for (int t = 0; t < kTerms; ++t) {
    if (turned) turn(rows[t]);
    for (int i = 0; i < kSide; ++i) _mm512_storeu_si512(out + t * term_step + i * kDepth, rows[t][i]);
  }
  return finite;
}

// The same of line i, k at data[i * line_stride + k * k_stride].
template <int kTerms, Order kOrder>
bool pack_strided(const float* data, int64_t line_stride, int64_t k_stride, int lines, int depth,
                  uint16_t* out, int64_t term_step) {
  Source s{{}, k_stride != 1 && line_stride == 1, lines, depth};
  alignas(64) float staged[kSide * kDepth];
  if (s.across) {
    for (int k = 0; k < depth; ++k) s.at[k] = data + k * k_stride;
  } else {
    for (int i = 0; i < lines; ++i) {
      s.at[i] = data + i * line_stride;
      if (k_stride == 1) continue;
      for (int k = 0; k < depth; ++k) staged[i * kDepth + k] = s.at[i][k * k_stride];
      s.at[i] = staged + i * kDepth;
    }
  }
  return pack_tile<kTerms, kOrder>(s, out, term_step);
}

// The value that the terms of an element add up to, exact where three are kept.
template <int kTerms>
HEBB_INLINE float joined(const uint16_t* at, int64_t term_step) {
  float sum = 0;
  for (int t = kTerms - 1; t >= 0; --t) sum += __builtin_bit_cast(float, uint32_t{at[t * term_step]} << 16);
  return sum;
}

}  // namespace amx
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
