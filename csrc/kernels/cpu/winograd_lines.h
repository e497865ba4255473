// Winograd's F(4, 3) along one line: four outputs of a filter of three taps from six inputs by six products.
//
// The polynomials of inputs and filter are compared at the points 0, +-5/8, +-3/2 and infinity, and
//   outputs = output_line(input_line(d) * filter_line(g)),
// each of the three linear; the adjoints of the last two make the gradient of the filter. In two dimensions a
// line transform runs down the columns of a patch and then along its rows.
#pragma once

#include "kernels/cpu/simd.h"

namespace hebb::kernels::HEBB_ISA {
namespace {
namespace winograd {

inline constexpr int kTaps = 3, kOutputs = 4, kPoints = 6;
// What a two-dimensional transform has of each.
inline constexpr int kTaps2 = 9, kOutputs2 = 16, kPoints2 = 36;

// The points: with 1 and 2 instead, errors are more than twice as large. Fractions of powers of two, so that
// their products below are exact.
inline constexpr float kA = 0.625f, kB = 1.5f;
inline constexpr float kA2 = kA * kA, kB2 = kB * kB;
// What filter_line divides by: the products of the differences of a point from the others.
inline constexpr float kAtZero = 1 / (kA2 * kB2);
inline constexpr float kAtA = 1 / (2 * kA2 * (kA2 - kB2));
inline constexpr float kAtB = 1 / (2 * kB2 * (kB2 - kA2));

using Vec = V<float>;

HEBB_INLINE Vec times(float factor, Vec x) { return Vec::set1(factor) * x; }
// z + factor * x.
HEBB_INLINE Vec plus(Vec z, float factor, Vec x) { return fma(Vec::set1(factor), x, z); }

HEBB_INLINE void input_line(const Vec (&d)[kPoints], Vec (&t)[kPoints]) {
  const Vec even_a = plus(d[4], -kB2, d[2]), odd_a = plus(d[3], -kB2, d[1]);
  const Vec even_b = plus(d[4], -kA2, d[2]), odd_b = plus(d[3], -kA2, d[1]);
  t[0] = plus(plus(d[4], -(kA2 + kB2), d[2]), kA2 * kB2, d[0]);
  t[1] = plus(even_a, kA, odd_a);
  t[2] = plus(even_a, -kA, odd_a);
  t[3] = plus(even_b, kB, odd_b);
  t[4] = plus(even_b, -kB, odd_b);
  t[5] = plus(plus(d[5], -(kA2 + kB2), d[3]), kA2 * kB2, d[1]);
}

HEBB_INLINE void output_line(const Vec (&m)[kPoints], Vec (&y)[kOutputs]) {
  const Vec even_a = m[1] + m[2], odd_a = m[1] - m[2];
  const Vec even_b = m[3] + m[4], odd_b = m[3] - m[4];
  y[0] = m[0] + even_a + even_b;
  y[1] = plus(times(kA, odd_a), kB, odd_b);
  y[2] = plus(times(kA2, even_a), kB2, even_b);
  y[3] = plus(plus(m[5], kA2 * kA, odd_a), kB2 * kB, odd_b);
}

// The adjoint of output_line.
HEBB_INLINE void output_grad_line(const Vec (&dy)[kOutputs], Vec (&dm)[kPoints]) {
  const Vec even_a = plus(dy[0], kA2, dy[2]), odd_a = plus(times(kA, dy[1]), kA2 * kA, dy[3]);
  const Vec even_b = plus(dy[0], kB2, dy[2]), odd_b = plus(times(kB, dy[1]), kB2 * kB, dy[3]);
  dm[0] = dy[0];
  dm[1] = even_a + odd_a;
  dm[2] = even_a - odd_a;
  dm[3] = even_b + odd_b;
  dm[4] = even_b - odd_b;
  dm[5] = dy[3];
}

HEBB_INLINE void filter_line(const Vec (&g)[kTaps], Vec (&u)[kPoints]) {
  const Vec even_a = times(kAtA, plus(g[0], kA2, g[2])), even_b = times(kAtB, plus(g[0], kB2, g[2]));
  u[0] = times(kAtZero, g[0]);
  u[1] = plus(even_a, kAtA * kA, g[1]);
  u[2] = plus(even_a, -kAtA * kA, g[1]);
  u[3] = plus(even_b, kAtB * kB, g[1]);
  u[4] = plus(even_b, -kAtB * kB, g[1]);
  u[5] = g[2];
}

// The adjoint of filter_line.
HEBB_INLINE void filter_grad_line(const Vec (&du)[kPoints], Vec (&dg)[kTaps]) {
  const Vec even_a = times(kAtA, du[1] + du[2]), even_b = times(kAtB, du[3] + du[4]);
  dg[0] = plus(even_a + even_b, kAtZero, du[0]);
  dg[1] = plus(times(kAtA * kA, du[1] - du[2]), kAtB * kB, du[3] - du[4]);
  dg[2] = plus(plus(du[5], kA2, even_a), kB2, even_b);
}

// `line` down the columns, then along the rows: of kFrom x kFrom values, load(row, column), it makes kTo x
// kTo, of which rows kFirst..kEnd-1 go to store(row, column, value).
template <int kFrom, int kTo, int kFirst = 0, int kEnd = kTo, class Line, class Load, class Store>
HEBB_INLINE void transform(Line&& line, Load&& load, Store&& store) {
  Vec half[kTo][kFrom];
#pragma GCC unroll 6
  for (int j = 0; j < kFrom; ++j) {
    Vec from[kFrom], to[kTo];
#pragma GCC unroll 6
    for (int i = 0; i < kFrom; ++i) from[i] = load(i, j);
    line(from, to);
#pragma GCC unroll 6
    for (int i = 0; i < kTo; ++i) half[i][j] = to[i];
  }
#pragma GCC unroll 6
  for (int i = kFirst; i < kEnd; ++i) {
    Vec to[kTo];
    line(half[i], to);
#pragma GCC unroll 6
    for (int j = 0; j < kTo; ++j) store(i, j, to[j]);
  }
}

}  // namespace winograd
}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
