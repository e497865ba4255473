// How a kernel that needs several pieces of scratch memory cuts them out of one block: what takes them runs
// twice, first to count, then to place.
#pragma once

#include <cstdint>

#include "core/inline.h"
#include "stream/context.h"

namespace hebb::kernels::HEBB_ISA {
namespace {

// Cuts a block of memory into pieces, each on a cache line of its own; with no memory it counts what they
// need.
struct Carver {
  char* memory;
  int64_t used = 0;

  template <class T>
  HEBB_INLINE T* take(int64_t count) {
    T* piece = reinterpret_cast<T*>(memory ? memory + used : nullptr);
    used += (count * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
    return piece;
  }
};

// The bytes that carve(carver) takes.
template <class F>
HEBB_INLINE int64_t bytes_to_carve(F&& carve) {
  Carver counter{nullptr};
  carve(counter);
  return counter.used;
}

// carve(carver) with the scratch memory of thread 0, which asks for no other until the kernel is done.
template <class F>
HEBB_INLINE void carve_scratch(stream::Context& context, F&& carve) {
  Carver carver{context.scratch<char>(0, bytes_to_carve(carve))};
  carve(carver);
}

}  // namespace
}  // namespace hebb::kernels::HEBB_ISA
