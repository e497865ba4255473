// The tile unit of AMX: eight registers of 16 rows of 64 bytes, and the one operation on them that products
// need. Included where AVX-512 is there.
//
// Amx is the unit itself. EmulatedAmx does the same in plain registers, in the order of sums that the manual
// gives, so that what is built on the unit can be checked on machines without it. Register numbers are
// constants:
//
//   Unit unit;
//   unit.begin();                       // takes the unit into use, until end(); nothing between may throw
//   unit.template zero<0>();
//   unit.template load<4>(a, stride);   // 16 rows of 64 bytes, `stride` bytes apart
//   unit.template multiply<0, 4, 6>();  // tile 0 += tile 4 (16 x 32 bf16) times tile 6 (16 pairs of k x 16)
//   unit.template store<0>(c, stride);
#pragma once

#include "kernels/cpu/simd.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace amx {

// A tile of results is kSide x kSide f32; one of A has kSide rows of kDepth bf16, one of B pairs of k by
// columns.
inline constexpr int kSide = 16;
inline constexpr int kDepth = 32;
// 16-bit elements of a tile of A or B.
inline constexpr int kTileItems = kSide * kDepth;

class Amx {
 public:
  // Compilers know nothing of the tile registers, and gcc's intrinsics do not say that they touch memory. No
  // destructor: it would need what C++ shares between object files.
  void begin() {
    Configuration configuration;
    for (int i = 0; i < 8; ++i) configuration.row_bytes[i] = 4 * kSide, configuration.rows[i] = kSide;
    __asm__ volatile("ldtilecfg %0" ::"m"(configuration));
  }
  void end() { __asm__ volatile("tilerelease" ::: "memory"); }

  template <int kTile>
  HEBB_INLINE void zero() {
    __asm__ volatile("tilezero %%tmm%c0" ::"i"(kTile));
  }
  template <int kTile>
  HEBB_INLINE void load(const void* from, int64_t stride) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kTile>
  HEBB_INLINE void store(void* to, int64_t stride) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kC, int kA, int kB>
  HEBB_INLINE void multiply() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kC), "i"(kA), "i"(kB));
  }

 private:
  struct alignas(64) Configuration {
    uint8_t palette = 1, start_row = 0;
    uint8_t reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};
  };
};

class EmulatedAmx {
 public:
  HEBB_INLINE void begin() {}
  HEBB_INLINE void end() {}
  template <int kTile>
  HEBB_INLINE void zero() {
    for (auto& row : tiles_[kTile]) row = _mm512_setzero_si512();
  }
  template <int kTile>
  HEBB_INLINE void load(const void* from, int64_t stride) {
    for (int i = 0; i < kSide; ++i)
      tiles_[kTile][i] = _mm512_loadu_si512(static_cast<const char*>(from) + i * stride);
  }
  template <int kTile>
  HEBB_INLINE void store(void* to, int64_t stride) {
    for (int i = 0; i < kSide; ++i)
      _mm512_storeu_si512(static_cast<char*>(to) + i * stride, tiles_[kTile][i]);
  }
  // Even and odd k are summed apart over the 32 of a tile, then together, then onto C.
  template <int kC, int kA, int kB>
  void multiply() {
    alignas(64) uint32_t pairs[kSide];
    for (int i = 0; i < kSide; ++i) {
      _mm512_store_si512(pairs, tiles_[kA][i]);
      __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
      for (int pair = 0; pair < kSide; ++pair) {
        const __m512i a = _mm512_set1_epi32(static_cast<int>(pairs[pair])), b = tiles_[kB][pair];
        even = _mm512_fmadd_ps(low(a), low(b), even);
        odd = _mm512_fmadd_ps(high(a), high(b), odd);
      }
      const __m512 sum = _mm512_add_ps(even, odd);
      tiles_[kC][i] = _mm512_castps_si512(_mm512_add_ps(_mm512_castsi512_ps(tiles_[kC][i]), sum));
    }
  }

 private:
  HEBB_INLINE static __m512 low(__m512i pair) { return _mm512_castsi512_ps(_mm512_slli_epi32(pair, 16)); }
  HEBB_INLINE static __m512 high(__m512i pair) {
    return _mm512_castsi512_ps(_mm512_and_si512(pair, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
  }

  __m512i tiles_[8][kSide];
};

}  // namespace amx
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
