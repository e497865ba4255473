// The register tiles of GEMM: a block of C of up to kTileRows x kTileColumns held in registers while k runs.
#pragma once

#include "kernels/cpu/tile_reads.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace tile {

// As many accumulators as the registers hold beside two vectors of B and one broadcast element of A.
#if defined(__AVX512F__)
inline constexpr int kTileRows = 14;
#elif defined(__AVX2__)
inline constexpr int kTileRows = 6;
#elif defined(__aarch64__)
inline constexpr int kTileRows = 12;
#else
inline constexpr int kTileRows = 4;
#endif
inline constexpr int kTileVectors = 2;

template <class T>
inline constexpr int kTileColumns = kTileVectors* V<T>::kWidth;

// One call: c[i][0..columns) (+)= sum over k of A[i, k] B[k, 0..columns).
template <class T>
struct Strip {
  const T* a;  // A[i, k] at a[i + k * a_stride], or, along its rows, at a[i * a_stride + k]
  int64_t a_stride;
  const T* b;  // b[k * b_stride + j]
  int64_t b_stride;
  int64_t k;
  T* const* c;      // one pointer a row
  bool accumulate;  // add to c, else overwrite it
};

template <class T>
using Micro = void (*)(const Strip<T>& strip);

// k is the innermost loop and each element of C one chain of FMAs in its order, so an element's bits do not
// depend on the tile it falls in.
template <class T, int kRows, int kVectors, bool kAcross>
void multiply(const Strip<T>& s) {
  using Vec = V<T>;
  Vec acc[kRows][kVectors];
  // The tile of C arrives while the sum runs.
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    __builtin_prefetch(s.c[i], 1);
    if constexpr (kVectors * sizeof(Vec) > 64) __builtin_prefetch(s.c[i] + 64 / sizeof(T), 1);
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) acc[i][j] = Vec::zero();
  }
  const T* a = s.a;
  const T* b = s.b;
  const int64_t a_row = kAcross ? 1 : s.a_stride;
  const int64_t a_step = kAcross ? s.a_stride : 1;
  const int64_t b_step = s.b_stride;
#pragma GCC unroll 2
  for (int64_t k = 0; k < s.k; ++k) {
    Vec bv[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) bv[j] = Vec::load(b + j * Vec::kWidth);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
      add_multiples(kAcross && reads_memory<kVectors>(i), a + i * a_row, bv, acc[i]);
    a += a_step;
    b += b_step;
  }
  // All is read before the first is written: a load that follows a store to the same place in another page
  // waits for it, and rows are often whole pages apart.
  if (s.accumulate) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) acc[i][j] = Vec::load(s.c[i] + j * Vec::kWidth) + acc[i][j];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) acc[i][j].store(s.c[i] + j * Vec::kWidth);
  }
}

// kAcross: A is contiguous across its rows, as a packed panel is; else along them.
template <class T, bool kAcross>
struct MicroTable {
  Micro<T> entry[kTileRows][kTileVectors];
};

template <class T, bool kAcross, int... kRow>
constexpr MicroTable<T, kAcross> make_table(std::integer_sequence<int, kRow...>) {
  return {{{&multiply<T, kRow + 1, 1, kAcross>, &multiply<T, kRow + 1, 2, kAcross>}...}};
}

template <class T, bool kAcross>
inline constexpr MicroTable<T, kAcross> kMicro =
    make_table<T, kAcross>(std::make_integer_sequence<int, kTileRows>{});

template <class T>
HEBB_INLINE Micro<T> micro_of(bool across, int rows, int vectors) {
  return across ? kMicro<T, true>.entry[rows - 1][vectors - 1]
                : kMicro<T, false>.entry[rows - 1][vectors - 1];
}

}  // namespace tile
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
