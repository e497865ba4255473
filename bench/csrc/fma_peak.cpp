// The arithmetic limit of one thread: multiply-adds that touch registers only. Compiled once per instruction
// set; with AVX-512 that of a tile unit too.
#include <cstdint>

#include "kernels/cpu/simd.h"
#if defined(__AVX512F__)
#include "kernels/cpu/amx_unit.h"
#endif

namespace hebb::kernels::HEBB_ISA {

// Runs `rounds` times 96 vector multiply-adds; returns the floating-point operations done.
double fma_peak(int64_t rounds) {
  // Independent chains enough to hide the latency, few enough to stay in registers.
  constexpr int kChains = 12;
  V<float> acc[kChains];
  for (auto& value : acc) value = V<float>::zero();
  V<float> x = V<float>::set1(0.5f), y = V<float>::set1(0.25f);
  for (int64_t round = 0; round < rounds; ++round) {
    // Opaque to the compiler, which could otherwise drop rounds.
    asm volatile("" : "+x"(x.raw), "+x"(y.raw));
#pragma GCC unroll 8
    for (int repeat = 0; repeat < 8; ++repeat) {
#pragma GCC unroll 12
      for (int i = 0; i < kChains; ++i) acc[i] = fma(x, acc[i], y);
    }
  }
  for (auto& value : acc) asm volatile("" ::"x"(value.raw));
  return static_cast<double>(rounds) * 8 * kChains * V<float>::kWidth * 2;
}

#if defined(__AVX512F__)

// Runs `rounds` times 32 products of tiles, four results in turn, as many as products use; returns the
// operations done. The machine has the unit.
double tile_peak(int64_t rounds) {
  alignas(64) static const uint16_t halves[amx::kTileItems] = {};
  amx::Amx unit;
  unit.begin();
  unit.zero<0>(), unit.zero<1>(), unit.zero<2>(), unit.zero<3>();
  unit.load<4>(halves, 64), unit.load<5>(halves, 64), unit.load<6>(halves, 64), unit.load<7>(halves, 64);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 8
    for (int repeat = 0; repeat < 8; ++repeat) {
      unit.multiply<0, 4, 6>();
      unit.multiply<1, 4, 7>();
      unit.multiply<2, 5, 6>();
      unit.multiply<3, 5, 7>();
    }
  }
  unit.end();
  return static_cast<double>(rounds) * 32 * amx::kSide * amx::kTileItems * 2;
}

#endif

}  // namespace hebb::kernels::HEBB_ISA
