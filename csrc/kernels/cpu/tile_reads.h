// How register tiles read the operand that each of their rows multiplies with vectors.
#pragma once

#include "kernels/cpu/simd.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// Whether the multiply-adds of row i read their element themselves (fma_at): an instruction less, but with
// two vectors a load more, and two loads a cycle are all there are. Where a core shares its decoders with
// another thread, tiles with a third of such rows ran a quarter faster than without, and with half of them or
// all no faster; alone, 0 to 5 %.
template <int kVectors>
HEBB_INLINE constexpr bool reads_memory(int i) {
  return kVectors == 1 || i % 3 == 0;
}

// Row i of a tile: sums[j] += *factor * x[j].
template <class T, int kVectors>
HEBB_INLINE void add_multiples(bool from_memory, const T* factor, const V<T> (&x)[kVectors],
                               V<T> (&sums)[kVectors]) {
  if (from_memory) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) sums[j] = fma_at(factor, x[j], sums[j]);
    return;
  }
  const V<T> loaded = V<T>::set1(*factor);
#pragma GCC unroll 4
  for (int j = 0; j < kVectors; ++j) sums[j] = fma(loaded, x[j], sums[j]);
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
