// Rows of elements in words of sixteen bytes, the most that a thread loads at once.
#pragma once

#include "kernels/cuda/hw.h"

namespace hebb::kernels::cuda {
namespace {

template <class T>
constexpr int kWordSize = 16 / static_cast<int>(sizeof(T));

template <class T>
struct alignas(16) Word {
  T x[kWordSize<T>];
};

HEBB_INLINE bool is_aligned(const void* data) { return reinterpret_cast<uintptr_t>(data) % 16 == 0; }

// A row of `size` elements.
template <class T>
struct Row {
  T* x;
  int64_t size;
  bool aligned;  // whether it begins at a whole word

  HEBB_INLINE int64_t words() const { return (size + kWordSize<T> - 1) / kWordSize<T>; }
  // Elements of a word; none or less behind the end.
  HEBB_INLINE int count(int64_t word) const {
    const int64_t left = size - word * kWordSize<T>;
    return static_cast<int>(left < kWordSize<T> ? left : kWordSize<T>);
  }
};

// What is behind the end of the row is left as it is. Which elements are a word's does not depend on where
// the row lies, so that sums do not either.
template <class T>
HEBB_DEVICE void load_word(const Row<const T>& row, int64_t word, Word<T>& to) {
  const T* from = row.x + word * kWordSize<T>;
  const int count = row.count(word);
  if (row.aligned && count == kWordSize<T>) {
    to = *reinterpret_cast<const Word<T>*>(from);
    return;
  }
  HEBB_UNROLL
  for (int j = 0; j < kWordSize<T>; ++j)
    if (j < count) to.x[j] = from[j];
}

template <class T>
HEBB_DEVICE void store_word(const Row<T>& row, int64_t word, const Word<T>& from) {
  T* to = row.x + word * kWordSize<T>;
  const int count = row.count(word);
  if (row.aligned && count == kWordSize<T>) {
    *reinterpret_cast<Word<T>*>(to) = from;
    return;
  }
  HEBB_UNROLL
  for (int j = 0; j < kWordSize<T>; ++j)
    if (j < count) to[j] = from.x[j];
}

}  // namespace
}  // namespace hebb::kernels::cuda
