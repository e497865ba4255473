// The largest element and the sum of exponentials of one row of a softmax.
#pragma once

#include "kernels/cpu/row.h"
#include "kernels/cpu/simd_math.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// The largest element; NaNs are passed over, they show in the sum.
template <class E, class C = Compute<E>>
HEBB_INLINE C row_max(const E* x, int64_t n) {
  constexpr int64_t kWidth = V<C>::kWidth;
  const C lowest = -static_cast<C>(__builtin_inff());
  V<C> a(lowest), b(lowest);
  int64_t i = 0;
  for (; i + 2 * kWidth <= n; i += 2 * kWidth) {
    a = fast_max(load(x + i), a);
    b = fast_max(load(x + i + kWidth), b);
  }
  each_vector<C>(i, n, [&](Span<C> span) { a = fast_max(span.valid(span.of(x), lowest), a); });
  return reduce_max(fast_max(a, b));
}

// The sum of exp(x - top).
template <class E, class C = Compute<E>>
HEBB_INLINE C row_exp_sum(const E* x, int64_t n, C top) {
  return static_cast<C>(
      sum_vectors<C>(n, [&](Span<C> span) { return span.valid(exp(span.of(x) - V<C>(top)), 0); }));
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
