// The arithmetic limit of one thread: multiply-adds that touch registers only. Compiled once per instruction
// set.
#include <cstdint>

#include "kernels/cpu/simd.h"

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

}  // namespace hebb::kernels::HEBB_ISA
