// A loop over channels by vectors, where the last channels may fill one in part.
#pragma once

#include "kernels/cpu/simd.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// How a vector of channels is reached: all lanes, or the first n of the last channels.
template <class T>
struct AllLanes {
  HEBB_INLINE V<T> load(const T* p) const { return V<T>::load(p); }
  HEBB_INLINE void store(V<T> x, T* p) const { x.store(p); }
};
template <class T>
struct SomeLanes {
  int64_t n;
  HEBB_INLINE V<T> load(const T* p) const { return V<T>::load_partial(p, n); }
  HEBB_INLINE void store(V<T> x, T* p) const { x.store_partial(p, n); }
};

// body(first channel, lanes) for each vector.
template <class T, class F>
HEBB_INLINE void for_channels(int64_t channels, F&& body) {
  int64_t c = 0;
  for (; c + V<T>::kWidth <= channels; c += V<T>::kWidth) body(c, AllLanes<T>{});
  if (c < channels) body(c, SomeLanes<T>{channels - c});
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
