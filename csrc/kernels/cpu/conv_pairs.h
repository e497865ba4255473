// The register tile of few outputs over images of one channel: a vector holds the outputs of two neighbouring
// pixels, so that half as many are needed.
#pragma once

#include "kernels/cpu/conv_tile.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace conv {

// Only where a vector is wide enough for it, and a pair of pixels is brought into all of it by one load.
template <class T>
inline constexpr bool kHasPairs = false;

template <class T, int kCount>
struct PairTable {
  void (*entry[kCount])(const ForwardTile<T>& tile, int64_t pixels);
};
// entry[pairs - 1].
template <class T>
inline constexpr auto kPairTiles = PairTable<T, 1>{};

#if defined(__AVX512F__)
template <>
inline constexpr bool kHasPairs<float> = true;

// p[0], p[1], p[0], p[1], ...
HEBB_INLINE V<float> load_pair(const float* p) {
  int64_t pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return V<float>(reinterpret_cast<V<float>::Raw>(V<int64_t>::set1(pair).raw));
}

// Lanes from[0], from[1], ... of x.
HEBB_INLINE V<float> rearrange(V<float> x, V<int32_t> from) {
  return V<float>(_mm512_permutexvar_ps(reinterpret_cast<__m512i>(from.raw), x.raw));
}

// As forward_tile, for kPairs pairs of pixels, which are neighbours in memory, `pixels` of them in all: the
// last pair may lack its second one. Lanes 2 j and 2 j + 1 of the weights and of the bias are those of output
// j, and every output is the same chain of FMAs. `out_pixel` is the number of outputs.
template <int kPairs>
void pair_tile(const ForwardTile<float>& t, int64_t pixels) {
  using Vec = V<float>;
  Vec acc[kPairs];
#pragma GCC unroll 16
  for (int i = 0; i < kPairs; ++i) acc[i] = t.bias ? Vec::load(t.bias) : Vec::zero();
  const float* w = t.weights;
  for (int64_t u = 0; u < t.taps; ++u) {
    const float* in = t.in + u * t.tap_step;
    for (int64_t k = 0; k < t.run; ++k, ++in, w += Vec::kWidth) {
      // Opaque to the compiler, which else keeps pairs for later taps and moves them between registers.
      asm volatile("" : "+r"(in));
      const Vec wv = Vec::load(w);
#pragma GCC unroll 16
      for (int i = 0; i < kPairs; ++i) acc[i] = fma(load_pair(in + 2 * i), wv, acc[i]);
    }
  }
  int32_t lanes[Vec::kWidth];
  for (int lane = 0; lane < Vec::kWidth; ++lane)
    lanes[lane] = lane < t.columns ? 2 * lane : 2 * (lane - t.columns) + 1;
  const V<int32_t> from = V<int32_t>::load(lanes);
#pragma GCC unroll 16
  for (int i = 0; i < kPairs; ++i) {
    const Vec y = rearrange(t.relu ? max(acc[i], Vec::zero()) : acc[i], from);
    const int64_t count = 2 * i + 1 < pixels ? 2 : 1;
    y.store_partial(t.out + 2 * i * t.out_pixel, count * t.columns);
  }
}

template <int... kPair>
constexpr auto pair_table(std::integer_sequence<int, kPair...>) {
  return PairTable<float, sizeof...(kPair)>{{&pair_tile<kPair + 1>...}};
}
template <>
inline constexpr auto kPairTiles<float> = pair_table(std::make_integer_sequence<int, kRows<float>>{});
#endif

}  // namespace conv
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
