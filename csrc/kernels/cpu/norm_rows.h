// Layer normalisation: each row by its own mean and variance, and the sums over rows that its gradient needs,
// in fixed parts of rows that are added in order.
#pragma once

#include "kernels/cpu/row.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// Rows whose parts of dweight and dbias are held in C; the parts are added in f64.
constexpr int64_t kPartRows = 64;
constexpr int64_t kSumColumns = 64;

HEBB_INLINE float root(float x) { return __builtin_sqrtf(x); }
HEBB_INLINE double root(double x) { return __builtin_sqrt(x); }

// f(span, sums) adds to kSums sums over a row at once: 0 where there are no elements.
template <int kSums, class C, class F>
HEBB_INLINE void sum_row(int64_t n, double* totals, F&& f) {
  constexpr int64_t kWidth = V<C>::kWidth, kUnroll = 4;
  for (int s = 0; s < kSums; ++s) totals[s] = 0;
  for (int64_t first = 0; first < n; first += kRowChunk) {
    const int64_t last = least(n, first + kRowChunk);
    V<C> sums[kUnroll][kSums];
    for (auto& list : sums) {
      for (V<C>& sum : list) sum = V<C>::zero();
    }
    int64_t i = first;
    for (; i + kUnroll * kWidth <= last; i += kUnroll * kWidth) {
      for (int64_t u = 0; u < kUnroll; ++u) f(Span<C>{i + u * kWidth, kWidth}, sums[u]);
    }
    each_vector<C>(i, last, [&](Span<C> span) { f(span, sums[0]); });
    for (int s = 0; s < kSums; ++s) {
      totals[s] += static_cast<double>(reduce_add((sums[0][s] + sums[1][s]) + (sums[2][s] + sums[3][s])));
    }
  }
}

template <class C>
struct RowStats {
  C mean, scale;  // scale = 1 / sqrt(variance + eps)
};

// The corrected two-pass variance: squares around the rounded mean, less the square of what it is off by.
template <class E, class C = Compute<E>>
HEBB_INLINE RowStats<C> row_stats(const E* x, int64_t n, double eps) {
  const double count = static_cast<double>(n);
  double sums[2];
  sum_row<1, C>(n, sums, [&](Span<C> span, V<C>* sum) { sum[0] = sum[0] + span.of(x); });
  const C center = static_cast<C>(sums[0] / count);
  sum_row<2, C>(n, sums, [&](Span<C> span, V<C>* sum) {
    const V<C> d = span.valid(span.of(x) - V<C>(center), 0);
    sum[0] = sum[0] + d;
    sum[1] = fma(d, d, sum[1]);
  });
  const double rest = sums[0] / count, variance = sums[1] / count - rest * rest;
  return {static_cast<C>(static_cast<double>(center) + rest),
          static_cast<C>(1 / root((variance < 0 ? 0 : variance) + eps))};
}

template <class E, class C = Compute<E>>
void layer_norm_row(const E* x, E* y, int64_t n, const C* weight, const C* bias, double eps, C* stats) {
  const RowStats<C> row = row_stats(x, n, eps);
  stats[0] = row.mean;
  stats[1] = row.scale;
  const V<C> mean(row.mean), scale(row.scale);
  each_vector<C>(0, n, [&](Span<C> span) {
    V<C> value = (span.of(x) - mean) * scale;
    if (weight) value = value * span.of(weight);
    if (bias) value = value + span.of(bias);
    span.put(y, value);
  });
}

// What the rows of a gradient have in common.
template <class E>
struct LayerGrad {
  using C = Compute<E>;
  const E *dy, *x;
  E* dx;
  const C *stats, *weight;  // weight is null where it is 1
  int64_t n;
};

// dx = scale (g - mean(g) - hat mean(g hat)) with g = dy weight and hat = (x - mean) scale, of kRows rows
// from `row`; adds dy hat to `scale_sum` and dy to `shift_sum`, unless those are null.
template <int kRows, class E, class C = Compute<E>>
void layer_norm_grad_rows(const LayerGrad<E>& grad, int64_t row, C* scale_sum, C* shift_sum) {
  const int64_t n = grad.n;
  const E *dy = grad.dy + row * n, *x = grad.x + row * n;
  E* dx = grad.dx + row * n;
  V<C> mean[kRows], scale[kRows], pull[kRows], turn[kRows];
  for (int r = 0; r < kRows; ++r) {
    mean[r] = V<C>(grad.stats[2 * (row + r)]);
    scale[r] = V<C>(grad.stats[2 * (row + r) + 1]);
    double sums[2];
    sum_row<2, C>(n, sums, [&](Span<C> span, V<C>* sum) {
      V<C> g = span.of(dy + r * n);
      if (grad.weight) g = g * span.of(grad.weight);
      sum[0] = sum[0] + g;
      sum[1] = fma(g, span.valid((span.of(x + r * n) - mean[r]) * scale[r], 0), sum[1]);
    });
    pull[r] = V<C>(static_cast<C>(sums[0] / static_cast<double>(n)));
    turn[r] = V<C>(static_cast<C>(sums[1] / static_cast<double>(n)));
  }
  each_vector<C>(0, n, [&](Span<C> span) {
    const V<C> weight = grad.weight ? span.of(grad.weight) : V<C>(C{1});
    V<C> scales = scale_sum ? span.of(scale_sum) : V<C>::zero();
    V<C> shifts = scale_sum ? span.of(shift_sum) : V<C>::zero();
    for (int r = 0; r < kRows; ++r) {
      const V<C> d = span.of(dy + r * n), hat = (span.of(x + r * n) - mean[r]) * scale[r];
      span.put(dx + r * n, (d * weight - pull[r] - hat * turn[r]) * scale[r]);
      scales = fma(d, hat, scales);
      shifts = shifts + d;
    }
    if (!scale_sum) return;
    span.put(scale_sum, scales);
    span.put(shift_sum, shifts);
  });
}

// Rows first..last-1, four at a time so that their sums are read and written once.
template <class E, class C = Compute<E>>
void layer_norm_grad_part(const LayerGrad<E>& grad, int64_t first, int64_t last, C* sums) {
  C* shifts = sums ? sums + grad.n : nullptr;
  for (int64_t i = 0; sums && i < 2 * grad.n; ++i) sums[i] = 0;
  int64_t row = first;
  for (; row + 4 <= last; row += 4) layer_norm_grad_rows<4>(grad, row, sums, shifts);
  for (; row < last; ++row) layer_norm_grad_rows<1>(grad, row, sums, shifts);
}

// to[i] = the sum over parts of from[part * stride + i], in order.
template <class S, class C>
void add_parts(stream::Context& context, const S* from, int64_t parts, int64_t stride, int64_t n, C* to) {
  parallel_items(context, ceil_div(n, kSumColumns), task_grain(parts * kSumColumns), [&](int64_t block, int) {
    const int64_t first = block * kSumColumns, count = least(kSumColumns, n - first);
    double sums[kSumColumns] = {};
    for (int64_t part = 0; part < parts; ++part) {
      for (int64_t i = 0; i < count; ++i) sums[i] += static_cast<double>(from[part * stride + first + i]);
    }
    for (int64_t i = 0; i < count; ++i) to[first + i] = static_cast<C>(sums[i]);
  });
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
