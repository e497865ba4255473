// Packing for GEMM: how strided memory becomes the panels that the register tiles read.
#pragma once

#include <utility>

#include "kernels/cpu/convert.h"
#include "kernels/cpu/gemm_micro.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace tile {

// Elements behind each panel that packing may overwrite: full vectors are stored where rows fill only a part.
inline constexpr int64_t kSlack = 16;

HEBB_INLINE ConvertRow widening(const F16*) { return convert_row(DType::kF32, DType::kF16); }
HEBB_INLINE ConvertRow widening(const BF16*) { return convert_row(DType::kF32, DType::kBF16); }

HEBB_INLINE float compute_value(float x) { return x; }
HEBB_INLINE double compute_value(double x) { return x; }
HEBB_INLINE float compute_value(F16 x) { return to_float(x); }
HEBB_INLINE float compute_value(BF16 x) { return to_float(x); }

// The low or high halves of a and b, their elements taken in turn.
template <int N, class Vec, int... I>
HEBB_INLINE Vec riffle_low(Vec a, Vec b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (I / 2 + (I % 2) * N)...);
}
template <int N, class Vec, int... I>
HEBB_INLINE Vec riffle_high(Vec a, Vec b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (N / 2 + I / 2 + (I % 2) * N)...);
}

// Transposes N vectors of N elements by log2(N) perfect shuffles.
template <class T, int N>
HEBB_INLINE void transpose(typename V<T>::Raw (&rows)[N]) {
  using Vec = typename V<T>::Raw;
  constexpr auto kIndex = std::make_integer_sequence<int, N>{};
#pragma GCC unroll 4
  for (int step = 1; step < N; step *= 2) {
    Vec next[N];
#pragma GCC unroll 16
    for (int i = 0; i < N / 2; ++i) {
      next[2 * i] = riffle_low<N>(rows[i], rows[i + N / 2], kIndex);
      next[2 * i + 1] = riffle_high<N>(rows[i], rows[i + N / 2], kIndex);
    }
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) rows[i] = next[i];
  }
}

// out[k * stride + i] = rows[i][k] for i < count and k < length; a null row is zeros. May write up to a
// vector beyond each out[k * stride + count - 1], so what lies behind must be written afterwards: go up in k,
// and leave kSlack.
template <class T>
void interleave(T* out, int64_t stride, const T* const* rows, int count, int64_t length) {
  constexpr int kWidth = V<T>::kWidth;
  for (int64_t k = 0; k < length; k += kWidth) {
    const int n = length - k < kWidth ? static_cast<int>(length - k) : kWidth;
    for (int first = 0; first < count; first += kWidth) {
      const int rest = count - first < kWidth ? count - first : kWidth;
      typename V<T>::Raw block[kWidth];
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) {
        const T* row = i < rest ? rows[first + i] : nullptr;
        block[i] = !row          ? V<T>::zero().raw
                   : n == kWidth ? V<T>::load(row + k).raw
                                 : V<T>::load_partial(row + k, n).raw;
      }
      transpose<T, kWidth>(block);
      // Later groups must stay inside their row: the next row's first group is already there.
      T* to = out + k * stride + first;
      if (first == 0 || rest == kWidth) {
#pragma GCC unroll 16
        for (int i = 0; i < kWidth; ++i) {
          if (i < n) V<T>(block[i]).store(to + i * stride);
        }
      } else {
        for (int i = 0; i < n; ++i) V<T>(block[i]).store_partial(to + i * stride, rest);
      }
    }
  }
}

// Half types go through a piece in f32.
template <class S>
requires(sizeof(S) == 2) void interleave(float* out, int64_t stride, const S* const* rows, int count,
                                         int64_t length) {
  constexpr int kPiece = 64;
  float piece[kTileColumns<float> > kTileRows ? kTileColumns<float> : kTileRows][kPiece];
  const float* starts[sizeof piece / sizeof *piece];
  const ConvertRow widen = widening(static_cast<const S*>(nullptr));
  for (int64_t k = 0; k < length; k += kPiece) {
    const int64_t n = length - k < kPiece ? length - k : kPiece;
    for (int i = 0; i < count; ++i) {
      starts[i] = rows[i] ? piece[i] : nullptr;
      if (rows[i]) widen(piece[i], 1, rows[i] + k, 1, n);
    }
    interleave(out + k * stride, stride, starts, count, n);
  }
}

// to[0..count) = from[0..count); then zeros up to `width`, or up to the end of the vector that it falls into.
template <class T>
HEBB_INLINE void copy_run(T* to, const T* from, int count, int width) {
  constexpr int kWidth = V<T>::kWidth;
  for (int j = 0; j < width; j += kWidth) {
    const int n = count - j;
    const V<T> run = n >= kWidth ? V<T>::load(from + j) : V<T>::load_partial(from + j, n < 0 ? 0 : n);
    run.store(to + j);
  }
}

// out[k * stride + j] = from[k * step + j] for j < count, 0 for count <= j < width. As interleave, may write
// up to a vector beyond each row of out.
template <class T>
void copy_rows(T* out, int64_t stride, const T* from, int64_t step, int count, int width, int64_t length) {
  for (int64_t k = 0; k < length; ++k) {
    // Rows of a wide matrix lie too far apart for the hardware to see the pattern.
    __builtin_prefetch(from + (k + 12) * step);
    __builtin_prefetch(from + (k + 12) * step + count - 1);
    copy_run(out + k * stride, from + k * step, count, width);
  }
}

// copy_rows for some panels whose elements lie side by side in memory: panel i takes columns[i] of them from
// each row. Longer runs of memory use all of the lines that they touch.
template <class T>
void copy_side_by_side(T* const* out, const int* columns, int count, const T* from, int64_t step,
                       int64_t length) {
  constexpr int kLine = 64 / sizeof(T);
  int64_t width = 0;
  for (int i = 0; i < count; ++i) width += columns[i];
  for (int64_t k = 0; k < length; ++k) {
    const T* run = from + k * step;
    for (int64_t j = 0; j < width; j += kLine) __builtin_prefetch(run + 4 * step + j);
    for (int i = 0; i < count; ++i) {
      copy_run(out[i] + k * columns[i], run, columns[i], columns[i]);
      run += columns[i];
    }
  }
}

template <class S>
requires(sizeof(S) == 2) void copy_rows(float* out, int64_t stride, const S* from, int64_t step, int count,
                                        int width, int64_t length) {
  const ConvertRow widen = widening(from);
  for (int64_t k = 0; k < length; ++k) {
    widen(out + k * stride, 1, from + k * step, 1, count);
    for (int j = count; j < width; ++j) out[k * stride + j] = 0;
  }
}

}  // namespace tile
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
