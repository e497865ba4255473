// Passes over one row of elements. E is how elements are stored, C their compute type; a vector that ends a
// row is loaded and stored in part, so that the place of a row in memory does not change its bits.
#pragma once

#include "kernels/cpu/simd.h"
#include "kernels/cpu/tasks.h"
#include "kernels/scalar.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// Elements whose sum is held in C; the sums of such chunks are joined in f64.
constexpr int64_t kRowChunk = 4096;

// A vector's place in a row, and how much of it there is.
template <class C>
struct Span {
  int64_t at;
  int64_t count;  // kWidth, but for the last vector

  HEBB_INLINE bool whole() const { return count == V<C>::kWidth; }
  template <class E>
  HEBB_INLINE V<C> of(const E* row) const {
    return whole() ? load(row + at) : load_partial(row + at, count);
  }
  template <class E>
  HEBB_INLINE void put(E* row, V<C> value) const {
    if (whole()) {
      store(value, row + at);
    } else {
      store_partial(value, row + at, count);
    }
  }
  // `value` where there are elements, else `other`.
  HEBB_INLINE V<C> valid(V<C> value, C other) const {
    return whole() ? value : select(first_lanes<C>(count), value, V<C>(other));
  }
};

template <class C, class F>
HEBB_INLINE void each_vector(int64_t first, int64_t last, F&& f) {
  constexpr int64_t kWidth = V<C>::kWidth;
  int64_t i = first;
  for (; i + kWidth <= last; i += kWidth) f(Span<C>{i, kWidth});
  if (i < last) f(Span<C>{i, last - i});
}

// The sum over the row of f(span), a vector that must be 0 where there are no elements.
template <class C, class F>
HEBB_INLINE double sum_vectors(int64_t n, F&& f) {
  double total = 0;
  for (int64_t first = 0; first < n; first += kRowChunk) {
    V<C> sum = V<C>::zero();
    each_vector<C>(first, least(n, first + kRowChunk), [&](Span<C> span) { sum = sum + f(span); });
    total += reduce_add(sum);
  }
  return total;
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
