// Philox words in tiles: the lanes of a vector run one block each, and the words are stored in element order.
#pragma once

#include "core/random.h"
#include "kernels/cpu/simd.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// Each lane of 64 bits holds one word of a block in its low half; what piles up in the high halves is ignored
// by the multiplication and cut off at the end.
using Lanes = uint64_t __attribute__((vector_size(kVectorBytes)));
constexpr int kLanes = kVectorBytes / 8;
// Independent chains hide the latency of the multiplication: as many as the registers hold.
constexpr int kChains = kVectorBytes == 64 ? 4 : 2;

constexpr int kTileBlocks = 64;
constexpr int kTileWords = 4 * kTileBlocks;

HEBB_INLINE Lanes broadcast(uint64_t value) { return Lanes{} + value; }

// The full product of the low halves.
HEBB_INLINE Lanes multiply_low(Lanes a, Lanes b) {
#if defined(__AVX512F__)
  // The unmasked form warns of the undefined vector that g++ 12 makes inside it.
  return (Lanes)_mm512_maskz_mul_epu32(0xff, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (Lanes)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__x86_64__)
  return (Lanes)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

// a0 b0 a2 b2 ... and a1 b1 a3 b3 ...
HEBB_INLINE Lanes even_lanes(Lanes a, Lanes b) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
#elif defined(__AVX2__)
  return __builtin_shufflevector(a, b, 0, 4, 2, 6);
#else
  return __builtin_shufflevector(a, b, 0, 2);
#endif
}
HEBB_INLINE Lanes odd_lanes(Lanes a, Lanes b) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
#elif defined(__AVX2__)
  return __builtin_shufflevector(a, b, 1, 5, 3, 7);
#else
  return __builtin_shufflevector(a, b, 1, 3);
#endif
}

// Words 0..255 of the stream that starts at block `counter`.
[[gnu::noinline]] void philox_tile(uint64_t seed, uint64_t counter, uint32_t* words) {
  const Lanes m0 = broadcast(0xD2511F53u), m1 = broadcast(0xCD9E8D57u);
  // Even lanes take the first half of a vector's blocks, odd lanes the second: interleaving neighbours then
  // gives the words in order, four to a block.
  Lanes order;
  for (int i = 0; i < kLanes; ++i) order[i] = static_cast<uint64_t>(i / 2 + i % 2 * (kLanes / 2));
  for (int block = 0; block < kTileBlocks; block += kChains * kLanes) {
    Lanes c0[kChains], c1[kChains], c2[kChains], c3[kChains];
    for (int j = 0; j < kChains; ++j) {
      c0[j] = broadcast(counter + static_cast<uint64_t>(block + j * kLanes)) + order;
      c1[j] = c0[j] >> 32;
      c2[j] = c3[j] = Lanes{};
    }
    uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      const Lanes key0 = broadcast(k0), key1 = broadcast(k1);
      for (int j = 0; j < kChains; ++j) {
        const Lanes p0 = multiply_low(c0[j], m0);
        const Lanes p1 = multiply_low(c2[j], m1);
        c0[j] = (p1 >> 32) ^ c1[j] ^ key0;
        c2[j] = (p0 >> 32) ^ c3[j] ^ key1;
        c1[j] = p1;
        c3[j] = p0;
      }
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    for (int j = 0; j < kChains; ++j) {
      const Lanes first = (c0[j] & 0xffffffffu) | (c1[j] << 32);
      const Lanes second = (c2[j] & 0xffffffffu) | (c3[j] << 32);
      const Lanes low = even_lanes(first, second);
      const Lanes high = odd_lanes(first, second);
      uint32_t* to = words + 4 * (block + j * kLanes);
      __builtin_memcpy(to, &low, sizeof low);
      __builtin_memcpy(to + 2 * kLanes, &high, sizeof high);
    }
  }
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
