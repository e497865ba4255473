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
  HEBB_INLINE bool has(int64_t word, int j) const { return word * kWordSize<T> + j < size; }
  // Whether it is one in memory, too.
  HEBB_INLINE bool is_whole(int64_t word) const { return aligned && (word + 1) * kWordSize<T> <= size; }
};

// What is behind the end of the row is left as it is. Which elements are a word's does not depend on where
// the row lies, so that sums do not either.
template <class T>
HEBB_DEVICE void load_word(const Row<const T>& row, int64_t word, Word<T>& to) {
  if (row.is_whole(word)) {
    to = *reinterpret_cast<const Word<T>*>(row.x + word * kWordSize<T>);
    return;
  }
  for (int j = 0; j < kWordSize<T>; ++j)
    if (row.has(word, j)) to.x[j] = row.x[word * kWordSize<T> + j];
}

template <class T>
HEBB_DEVICE void store_word(const Row<T>& row, int64_t word, const Word<T>& from) {
  if (row.is_whole(word)) {
    *reinterpret_cast<Word<T>*>(row.x + word * kWordSize<T>) = from;
    return;
  }
  for (int j = 0; j < kWordSize<T>; ++j)
    if (row.has(word, j)) row.x[word * kWordSize<T> + j] = from.x[j];
}

}  // namespace
}  // namespace hebb::kernels::cuda
